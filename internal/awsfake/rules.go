package awsfake

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

// Rules is EventBridge as who looks after rules sees it. It knows DescribeRule.
type Rules struct {
	Faults
	mu     sync.Mutex
	states map[[2]string]string // by bus and name
}

// Set gives a rule of a bus a state; "" deletes the rule.
func (r *Rules) Set(bus, name, state string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.states == nil {
		r.states = map[[2]string]string{}
	}
	r.states[[2]string{bus, name}] = state
}

// ServeHTTP implements the JSON 1.1 protocol.
func (r *Rules) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	fault := r.arrive(request, string(body))
	if fault.fails() {
		fault.answer(w, nil)
		return
	}
	var in struct{ Name, EventBusName string }
	if request.Header.Get("X-Amz-Target") != "AWSEvents.DescribeRule" || json.Unmarshal(body, &in) != nil {
		refuse(w, http.StatusBadRequest, "UnknownOperationException")
		return
	}
	r.mu.Lock()
	state := r.states[[2]string{in.EventBusName, in.Name}]
	r.mu.Unlock()
	if state == "" {
		refuse(w, http.StatusBadRequest, "ResourceNotFoundException")
		return
	}
	fault.answer(w, map[string]any{"Name": in.Name, "EventBusName": in.EventBusName, "State": state})
}
