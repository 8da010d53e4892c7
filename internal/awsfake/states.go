package awsfake

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// States knows ListExecutions, newest first and in pages.
type States struct {
	Faults
	mu    sync.Mutex
	page  int
	names []string // newest first
}

// Start notes an execution of that name as the newest.
func (s *States) Start(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range names {
		s.names = append([]string{n}, s.names...)
	}
}

// SetPage bounds an answer to n executions; 0 leaves that to the request.
func (s *States) SetPage(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = n
}

// ServeHTTP implements the JSON 1.0 protocol.
func (s *States) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fault := s.arrive(r, string(body))
	if fault.fails() {
		fault.answer(w, nil)
		return
	}
	var in struct {
		StateMachineArn, NextToken string
		MaxResults                 int
	}
	if r.Header.Get("X-Amz-Target") != "AWSStepFunctions.ListExecutions" || json.Unmarshal(body, &in) != nil {
		refuse(w, http.StatusBadRequest, "UnknownOperationException")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from, _ := strconv.Atoi(in.NextToken)
	size := in.MaxResults
	if s.page > 0 {
		size = min(size, s.page)
	}
	to := min(from+size, len(s.names))
	out := map[string]any{}
	list := []map[string]any{}
	for _, n := range s.names[from:to] {
		list = append(list, map[string]any{"name": n, "status": "SUCCEEDED", "stateMachineArn": in.StateMachineArn,
			"executionArn": in.StateMachineArn + ":" + n, "startDate": 1.7e9})
	}
	out["executions"] = list
	if to < len(s.names) {
		out["nextToken"] = strconv.Itoa(to)
	}
	fault.answer(w, out)
}
