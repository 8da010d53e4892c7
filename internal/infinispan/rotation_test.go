package infinispan_test

import (
	"fmt"
	"testing"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
	double "github.com/sitefence/sitefence/local/infinispan"
)

// TestRotation: after a 401 the secret is read again, once. Replication is not
// taken offline before the caller has looked again: that is the next call.
func TestRotation(t *testing.T) {
	transient := contract.TransientF(contract.Unavailable, "throttled")
	tests := map[string]struct {
		p         *rotating
		calls     int // each with credentials
		rereads   int
		want      string
		next      string
		wantTaken string
	}{
		"the right one":          {&rotating{now: password}, 1, 0, "", "", "offline"},
		"rotated":                {&rotating{now: "of-yesterday", next: password}, 1, 1, "Transient unavailable", "", "offline"},
		"wrong both times":       {&rotating{now: "of-yesterday", next: "of-nowhere"}, 1, 1, "Transient unavailable", "Misconfigured bad-credentials", "online"},
		"cannot be read again":   {&rotating{now: "of-yesterday", err: transient}, 1, 1, "Transient unavailable", "Transient unavailable", "online"},
		"still the one of the 1": {&rotating{now: "of-yesterday", next: "of-yesterday"}, 1, 1, "Misconfigured bad-credentials", "Misconfigured bad-credentials", "online"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, client := pair(t, tc.p)
			_, err := client.TakeOffline(t.Context(), "site-b")
			if kind(err) != tc.want || tc.p.rereads != tc.rereads {
				t.Errorf("got %q (%v) after %d rereads, want %q after %d", kind(err), err, tc.p.rereads, tc.want, tc.rereads)
			}
			posts := 0
			for _, c := range d.Calls("site-a") {
				if c.Kind == double.TakeOffline {
					posts++
				}
			}
			if posts != tc.calls {
				t.Errorf("%d requests, want %d", posts, tc.calls)
			}
			if tc.want != "" {
				if status, err := d.BackupStatus(t.Context(), "site-a", "site-b"); status != "online" {
					t.Errorf("the backup is %s, %v; want online before another look", status, err)
				}
				if _, err := client.TakeOffline(t.Context(), "site-b"); kind(err) != tc.next {
					t.Errorf("the next call: got %q (%v), want %q", kind(err), err, tc.next)
				}
			}
			if status, err := d.BackupStatus(t.Context(), "site-a", "site-b"); status != tc.wantTaken {
				t.Errorf("the backup is %s, %v; want %s", status, err, tc.wantTaken)
			}
			leak.Check(t, fmt.Sprint(err), password, "of-yesterday", "of-nowhere")
		})
	}
}
