package bus_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/contract"
)

func event(site string) contract.Event {
	return contract.Event{Version: "1", Deployment: "d", Reporter: "a", Site: contract.Site(site), ReceivedAt: time.Unix(1_700_000_000, 0)}
}

// TestOutcomesKeepTheOrder: of 25 events in three calls the second call fails,
// and one entry of the third; each outcome is its own event's.
func TestOutcomesKeepTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &awsfake.EventBridge{}
		b := bus.New(eventbridge.NewFromConfig(awsfake.Serve(t, fake)), "bus")
		for range bus.Attempts {
			fake.Add(awsfake.Fault{}, awsfake.Fault{Status: 500, Code: "InternalException"}, awsfake.Fault{Entries: map[string]string{"s-22": "ThrottlingException"}})
		}
		var events []contract.Event
		for i := range 25 {
			events = append(events, event(fmt.Sprintf("s-%d", i)))
		}
		outcomes := b.Put(t.Context(), events)
		// The first attempt takes 0 to 9 and 20 to 24 without 22; the eleven
		// that are left go in two calls, of which the first is well.
		for i, o := range outcomes {
			if (o.Err == nil) == (o.EventID == "") {
				t.Errorf("event %d: both or neither: %+v", i, o)
			}
			var found bool
			for n, e := range fake.Events() {
				if fmt.Sprintf("event-%d", n+1) == o.EventID {
					found = strings.Contains(e.Detail, fmt.Sprintf(`"s-%d"`, i))
				}
			}
			if o.Err == nil && !found {
				t.Errorf("event %d: id %s is another's", i, o.EventID)
			}
		}
		if n := len(fake.Events()); n != 25 {
			t.Errorf("%d events on the bus, want each once", n)
		}
		for _, call := range fake.Calls() {
			if n := strings.Count(call.Input, `"DetailType"`); n > bus.MaxBatch {
				t.Errorf("%d entries in a call", n)
			}
		}
	})
}

func TestEntryTooLarge(t *testing.T) {
	fake := &awsfake.EventBridge{}
	b := bus.New(eventbridge.NewFromConfig(awsfake.Serve(t, fake)), "bus")
	outcomes := b.Put(t.Context(), []contract.Event{event(strings.Repeat("x", bus.MaxEntry)), event("b")})
	if outcomes[0].Err == nil || outcomes[1].Err != nil || len(fake.Events()) != 1 {
		t.Errorf("got %+v, want that only the large one fails", outcomes)
	}
}
