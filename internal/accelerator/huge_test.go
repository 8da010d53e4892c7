//go:build !race

package accelerator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestHugeAnswers: ten thousand endpoints, or an answer that is nothing but
// nesting, take no more than a moment, and no megabytes go into an error.
func TestHugeAnswers(t *testing.T) {
	var many []string
	for i := range 10_000 {
		many = append(many, fmt.Sprintf(`{"EndpointId":"eipalloc-%d","Weight":1}`, i))
	}
	for name, body := range map[string]string{
		"10,000 endpoints": groups("listener/2", strings.Join(many, ",")), "a text": `{"EndpointGroups":"` + strings.Repeat("x", 1<<20) + `"}`,
		"a group's ARN": `{"EndpointGroups":[{"EndpointGroupArn":"` + strings.Repeat("x", 1<<20) + `","EndpointDescriptions":[` + two + `]}]}`,
		"an id":         groups("listener/2", `{"EndpointId":"`+strings.Repeat("x", 1<<20)+`"}`), "lists": strings.Repeat("[", 9_000) + strings.Repeat("[],", 1<<19),
		"a Region": groups("listener/2", strings.Replace(two, ":eu-west-1:", ":"+strings.Repeat("x", 1<<20)+":", 2)),
	} {
		t.Run(name, func(t *testing.T) {
			started := time.Now()
			l := &line{call: "ListEndpointGroups", odd: reply{200, "application/x-amz-json-1.1", []byte(body)}}
			_, _ = l.try(t)
			if took := time.Since(started); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
