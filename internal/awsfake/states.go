package awsfake

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// States knows ListExecutions, newest first and in pages.
type States struct {
	Faults
	mu    sync.Mutex
	page  int
	names []string // newest first
	runs  []run    // newest first
}

// run is an execution that is told apart by its machine and status.
type run struct{ machine, name, status string }

// Run notes an execution of a machine, given by the end of its ARN, as the newest
// of that machine. A name that is there gets another status.
func (s *States) Run(machine, name, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.runs {
		if r.machine == machine && r.name == name {
			s.runs[i].status = status
			return
		}
	}
	s.runs = append([]run{{machine, name, status}}, s.runs...)
}

// of lists a machine's executions, newest first: Start knows no machines, so its
// are those of any machine that Run was never called for.
func (s *States) of(machine, status string) []run {
	var all []run
	known := false
	for _, r := range s.runs {
		if strings.HasSuffix(machine, ":"+r.machine) {
			known = true
			all = append(all, r)
		}
	}
	if !known {
		for _, n := range s.names {
			all = append(all, run{machine, n, "SUCCEEDED"})
		}
	}
	if status == "" {
		return all
	}
	return slices.DeleteFunc(all, func(r run) bool { return r.status != status })
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
		StateMachineArn, NextToken, StatusFilter string
		MaxResults                               int
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
	all := s.of(in.StateMachineArn, in.StatusFilter)
	if size == 0 {
		size = 100 // AWS's default
	}
	to := min(from+size, len(all))
	out := map[string]any{}
	list := []map[string]any{}
	for i, r := range all[from:to] {
		list = append(list, map[string]any{"name": r.name, "status": r.status, "stateMachineArn": in.StateMachineArn,
			"executionArn": in.StateMachineArn + ":" + r.name, "startDate": 1.7e9 + float64(len(all)-from-i)})
	}
	out["executions"] = list
	if to < len(all) {
		out["nextToken"] = strconv.Itoa(to)
	}
	fault.answer(w, out)
}
