// Package drilling rehearses a fence: it posts an alert that is marked as a drill
// through the same door as Alertmanager, finds the guard execution that came of
// it, and says what would have happened. It cannot post an alert without the mark.
package drilling

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/secret"
)

// Alert is the alert of one rehearsal.
type Alert struct {
	Accelerator    string // one of the names that ingest knows
	Reporter, Site contract.Site
	Fingerprint    string // its own, so that its executions are found
	StartsAt       time.Time
}

// New is an alert that nobody has posted before.
func New(accelerator string, reporter, site contract.Site, now time.Time) Alert {
	var digits [contract.FingerprintDigits / 2]byte
	_, _ = rand.Read(digits[:]) // never fails
	return Alert{accelerator, reporter, site, hex.EncodeToString(digits[:]), now.UTC().Truncate(time.Millisecond)}
}

// Webhook is what Alertmanager would post of it.
func (a Alert) Webhook() ([]byte, error) {
	labels := map[string]string{"alertname": alert.Name, "accelerator": a.Accelerator,
		"reporter": string(a.Reporter), "site": string(a.Site), alert.DrillLabel: "true"}
	return json.Marshal(map[string]any{
		"version": alert.Version, "groupKey": "sitefence drill", "truncatedAlerts": 0, "status": "firing", "receiver": "sitefence",
		"groupLabels": map[string]string{}, "commonLabels": labels, "commonAnnotations": map[string]string{},
		"externalURL": "", "alerts": []any{map[string]any{
			"status": "firing", "labels": labels, "annotations": map[string]string{"summary": "A drill."},
			"startsAt": a.StartsAt, "endsAt": time.Time{}, "generatorURL": "", "fingerprint": a.Fingerprint,
		}},
	})
}

// Door is where alerts are posted, and by whom.
type Door struct {
	URL, User string
	Password  secret.Value
}

// tries and between are what a moment of trouble gets; Alertmanager would go on
// for longer.
const tries, between = 3, 2 * time.Second

// Post posts the alert until ingest takes it. No error holds the password.
func (d Door) Post(ctx context.Context, a Alert) error {
	body, err := a.Webhook()
	if err != nil {
		return fmt.Errorf("encoding the alert: %w", err)
	}
	for try := 1; ; try++ {
		again, err := d.post(ctx, body)
		if err == nil || !again || try == tries {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(between):
		}
	}
}

// The credentials are for this address only.
var client = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (d Door) post(ctx context.Context, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("posting to ingest: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(d.User, d.Password.Expose())
	resp, err := client.Do(req)
	if err != nil {
		return true, fmt.Errorf("posting to ingest: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	switch resp.StatusCode {
	case http.StatusNoContent:
		return false, nil
	case http.StatusUnauthorized:
		return false, fmt.Errorf("ingest refused user %.60q or the password (401): they must be those of Alertmanager", d.User)
	}
	return resp.StatusCode >= 500, fmt.Errorf("ingest answered %s, want 204: see its log", resp.Status)
}

// ErrLost is when no guard execution came of the alert.
var ErrLost = errors.New("ingest took the alert, and no guard execution came of it: see ingest's log (an alert for a deployment or site that it does not know is refused there), and whether the rule on the bus is enabled")

// Find waits for the guard execution that came of the alert, and returns its ARN.
func Find(ctx context.Context, states history.Client, guard string, a Alert) (string, error) {
	seen := map[string]bool{}
	for {
		// Newest first: what came of an alert of now is among the first hundred.
		out, err := states.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &guard, MaxResults: 100})
		if err != nil && ctx.Err() == nil {
			return "", fmt.Errorf("listing the guard's executions: %w", err)
		}
		if err == nil {
			for _, e := range out.Executions {
				arn := aws.ToString(e.ExecutionArn)
				// Clocks differ; a drill's fingerprint does not come twice.
				if seen[arn] || aws.ToTime(e.StartDate).Before(a.StartsAt.Add(-time.Hour)) {
					continue
				}
				described, err := history.Describe(ctx, states, arn)
				if err != nil {
					continue // not there yet for this read
				}
				seen[arn] = true
				if described.In().Alert.Fingerprint == a.Fingerprint {
					return arn, nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return "", ErrLost
		case <-time.After(time.Second):
		}
	}
}
