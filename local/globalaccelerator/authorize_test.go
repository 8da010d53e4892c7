package globalaccelerator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/globalaccelerator"
)

// TestAuthorize: the caller's key, the operation and what it is about are asked
// for; a refusal changes nothing.
func TestAuthorize(t *testing.T) {
	var asked []string
	refusal := ""
	f := globalaccelerator.New(globalaccelerator.Options{Authorize: func(key string, op globalaccelerator.Operation, resource string) string {
		asked = append(asked, key+" "+string(op)+" "+resource)
		return refusal
	}})
	acc, err := f.Build("a", globalaccelerator.NewListener(443, globalaccelerator.NewGroup("eu-west-1")))
	if err != nil {
		t.Fatal(err)
	}
	group := acc.Listeners[0].Groups[0].ARN
	for _, tc := range []struct{ op, body, about string }{
		{"ListAccelerators", `{}`, "*"},
		{"ListListeners", `{"AcceleratorArn":"` + acc.ARN + `"}`, acc.ARN},
		{"ListEndpointGroups", `{"ListenerArn":"` + acc.Listeners[0].ARN + `"}`, acc.Listeners[0].ARN},
		{"UpdateEndpointGroup", `{"EndpointGroupArn":"` + group + `","TrafficDialPercentage":7}`, group},
	} {
		send := func() (int, string) {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tc.body))
			r.Header.Set("X-Amz-Target", "GlobalAccelerator_V20180706."+tc.op)
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			r.Header.Set("Authorization", scope)
			w := httptest.NewRecorder()
			f.ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}
		before := f.Snapshot()
		asked, refusal = nil, "not you"
		if status, body := send(); status != http.StatusForbidden || !strings.Contains(body, "AccessDeniedException") || !strings.Contains(body, "not you") {
			t.Errorf("%s: answered %d %s, want 403 AccessDeniedException", tc.op, status, body)
		}
		if diff := cmp.Diff(before, f.Snapshot()); diff != "" {
			t.Errorf("%s was refused and yet changed something:\n%s", tc.op, diff)
		}
		if diff := cmp.Diff([]string{"AKID " + tc.op + " " + tc.about}, asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
		refusal = ""
		if status, body := send(); status != http.StatusOK {
			t.Errorf("%s: answered %d %s, want 200", tc.op, status, body)
		}
	}
}
