package statemachine_test

import (
	"encoding/json"
	"testing"

	"github.com/sitefence/sitefence/statemachine"
)

type machine struct {
	StartAt        string
	TimeoutSeconds int
	States         map[string]state
}

type state struct {
	Type, Resource, Error, Cause, Next, Default string
	TimeoutSeconds                              int
	Arguments                                   json.RawMessage
	Assign                                      json.RawMessage
	Retry                                       []retrier
	Catch                                       []catcher
	Choices                                     []choice
}

type retrier struct {
	ErrorEquals     []string
	IntervalSeconds float64
	BackoffRate     float64
	MaxDelaySeconds float64
	MaxAttempts     int
	JitterStrategy  string
}

type catcher struct {
	ErrorEquals []string
	Next        string
}

type choice struct {
	Condition, Next string
	Assign          json.RawMessage
}

func machines(t *testing.T) map[string]machine {
	t.Helper()
	all := map[string]machine{}
	for name, text := range map[string]string{"guard": statemachine.Guard, "fence": statemachine.Fence, "restore": statemachine.Restore} {
		var m machine
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatalf("decoding %s: %v", name, err)
		}
		all[name] = m
	}
	return all
}
