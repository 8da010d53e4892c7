package globalaccelerator

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// defaultPage is how many items a List operation returns if the request does not
// say. Source: MaxResults in the API reference, "The default value is 10."
const defaultPage = 10

// paging is what all List requests have in common.
type paging struct {
	MaxResults *int32
	NextToken  *string
}

// check holds MaxResults to 1..100 (the model's range).
func (p paging) check() *denial {
	if n := value(p.MaxResults, 1); n < 1 || n > 100 {
		return invalid("MaxResults is %d, want 1 to 100", n)
	}
	return nil
}

// page cuts the answer out of all items. Tokens are opaque and hold for the one
// list they came from; items that vanish between two pages may be missed, as
// they may on AWS.
func page[T any](p paging, size int, list string, items []T) ([]T, *string, *denial) {
	n := int(value(p.MaxResults, defaultPage))
	if size > 0 {
		n = min(n, size)
	}
	start := 0
	if p.NextToken != nil {
		raw, err := base64.RawURLEncoding.DecodeString(*p.NextToken)
		of, offset, ok := strings.Cut(string(raw), "|")
		start, _ = strconv.Atoi(offset)
		if err != nil || !ok || of != newUUID(list) || start <= 0 {
			return nil, nil, refuse(InvalidNextTokenException, "the token is not of this list")
		}
	}
	start = min(start, len(items))
	end := min(start+n, len(items))
	if end == len(items) {
		return items[start:end], nil, nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf("%s|%d", newUUID(list), end)))
	return items[start:end], &next, nil
}

// SetPageSize changes Options.PageSize.
func (f *Fake) SetPageSize(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pageSize = n
}
