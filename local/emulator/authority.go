package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
)

// Authorize asks the emulator's IAM whether the owner of an access key may do
// something, such as "globalaccelerator:ListListeners": for a service that the
// emulator does not have, but whose callers' roles it knows. The refusal is in
// AWS's words, "" for none. It looks at roles as they are now, and only if the
// emulator enforces IAM; it checks no signature.
func (e *Emulator) Authorize(ctx context.Context, accessKey, action, resource string) (refusal string, err error) {
	query := url.Values{"key": {accessKey}, "action": {action}, "resource": {resource}, "region": {e.options.Region}}
	text, err := get(ctx, e.URL()+"/_sitefence/authorize?"+query.Encode())
	if err != nil {
		return "", fmt.Errorf("asking whether %s is allowed: %w", action, err)
	}
	var answer struct{ Refusal string }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return "", fmt.Errorf("asking whether %s is allowed: %w", action, err)
	}
	return answer.Refusal, nil
}
