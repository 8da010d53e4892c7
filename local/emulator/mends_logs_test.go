package emulator_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/emulator"
)

// Log groups are described while a function writes to one. The group holds so
// many events that the walk over them takes longer than an invocation.
func TestLogGroupsAreDescribedWhileAFunctionLogs(t *testing.T) {
	both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
		probe := deployProbe(t, e, "")
		if _, err := probe.post(t.Context(), map[string]any{}); err != nil { // makes the group
			t.Fatal(err)
		}
		group := "/aws/lambda/" + probe.name
		logs := func(operation string, in map[string]any) ([]byte, error) {
			body, err := json.Marshal(in)
			if err != nil {
				return nil, err
			}
			return call(t.Context(), e, http.MethodPost, "logs", "/", string(body), map[string]string{
				"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328." + operation})
		}
		must := func(_ []byte, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(logs("CreateLogStream", map[string]any{"logGroupName": group, "logStreamName": "long"}))
		type event struct {
			Timestamp int64  `json:"timestamp"`
			Message   string `json:"message"`
		}
		many := make([]event, 10_000) // the most of one PutLogEvents
		now := time.Now().UnixMilli()
		for i := range many {
			many[i] = event{now, "x"}
		}
		for range 16 {
			must(logs("PutLogEvents", map[string]any{"logGroupName": group, "logStreamName": "long", "logEvents": many}))
		}

		busy, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for busy.Err() == nil {
				_, _ = probe.post(busy, map[string]any{})
			}
		}()
		defer func() { cancel(); <-done }()
		describe := func() ([]byte, error) {
			return logs("DescribeLogGroups", map[string]any{"logGroupNamePrefix": group})
		}
		if isMended {
			for range 200 {
				answer, err := describe()
				if err != nil || !strings.Contains(string(answer), group) {
					t.Fatalf("%s, %v; want the group", answer, err)
				}
			}
			return
		}
		for deadline := time.Now().Add(time.Minute); ; {
			if _, err := describe(); err != nil && strings.Contains(err.Error(), "changed size during iteration") {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("the fault is gone: log groups were described for a minute")
			}
		}
	})
}
