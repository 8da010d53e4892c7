package awsfake

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Machines knows the executions of state machines: List, Describe and Start, and
// their histories in pages, as Step Functions answers them.
type Machines struct {
	Faults
	mu   sync.Mutex
	runs []Run // in the order in which they were put
	page int
}

// Run is one execution. Times that are zero are left out.
type Run struct {
	Machine, Name  string // Machine is an ARN
	Status         string
	Started, Ended time.Time
	Input, Output  string
	Error, Cause   string
	Events         []RunEvent
}

// RunEvent is one event of a history: Type is one of Step Functions', such as
// TaskStateEntered, and the rest is what events of that type have.
type RunEvent struct {
	Type, State, Output, Error, Cause string
	At                                time.Time
}

// ARN is the execution's.
func (r Run) ARN() string {
	return strings.Replace(r.Machine, ":stateMachine:", ":execution:", 1) + ":" + r.Name
}

// Put adds an execution, or replaces the one of the same ARN.
func (m *Machines) Put(runs ...Run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range runs {
		m.runs = slices.DeleteFunc(m.runs, func(old Run) bool { return old.ARN() == r.ARN() })
		m.runs = append(m.runs, r)
	}
}

// SetPage bounds an answer to n entries; 0 leaves that to the request.
func (m *Machines) SetPage(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.page = n
}

// Runs are all executions, in the order in which they were put.
func (m *Machines) Runs() []Run {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.runs)
}

type machinesInput struct {
	StateMachineArn, ExecutionArn, StatusFilter, NextToken, Name, Input string
	MaxResults                                                          int
	ReverseOrder                                                        bool
}

// ServeHTTP implements the JSON 1.0 protocol.
func (m *Machines) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fault := m.arrive(r, string(body))
	if fault.fails() && !fault.Applied {
		fault.answer(w, nil)
		return
	}
	var in machinesInput
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AWSStepFunctions.")
	if !ok || json.Unmarshal(body, &in) != nil {
		refuse(w, http.StatusBadRequest, "UnknownOperationException")
		return
	}
	out, code := m.serve(operation, in)
	if code != "" {
		refuse(w, http.StatusBadRequest, code)
		return
	}
	fault.answer(w, out)
}

func (m *Machines) serve(operation string, in machinesInput) (out any, code string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch operation {
	case "ListExecutions":
		return m.list(in), ""
	case "StartExecution":
		return m.start(in)
	case "DescribeExecution", "GetExecutionHistory":
		i := slices.IndexFunc(m.runs, func(r Run) bool { return r.ARN() == in.ExecutionArn })
		if i < 0 {
			return nil, "ExecutionDoesNotExist"
		}
		if operation == "DescribeExecution" {
			return describe(m.runs[i]), ""
		}
		return m.history(m.runs[i], in), ""
	}
	return nil, "UnknownOperationException"
}

func (m *Machines) list(in machinesInput) any {
	list := []map[string]any{}
	for _, r := range m.runs {
		if r.Machine == in.StateMachineArn && (in.StatusFilter == "" || in.StatusFilter == r.Status) {
			list = append(list, describe(r))
		}
	}
	// Newest first, as Step Functions answers.
	slices.SortStableFunc(list, func(a, b map[string]any) int { return int(b["startDate"].(float64)*1e3 - a["startDate"].(float64)*1e3) })
	from, to := m.pageOf(in, len(list))
	return paged("executions", list[from:to], to, len(list))
}

func (m *Machines) start(in machinesInput) (any, string) {
	r := Run{Machine: in.StateMachineArn, Name: in.Name, Status: "RUNNING", Started: time.Now(), Input: in.Input}
	if r.Name == "" {
		r.Name = fmt.Sprintf("started-%d", len(m.runs)+1)
	}
	if slices.ContainsFunc(m.runs, func(old Run) bool { return old.ARN() == r.ARN() }) {
		return nil, "ExecutionAlreadyExists"
	}
	m.runs = append(m.runs, r)
	return map[string]any{"executionArn": r.ARN(), "startDate": epoch(r.Started)}, ""
}

func describe(r Run) map[string]any {
	out := map[string]any{"executionArn": r.ARN(), "stateMachineArn": r.Machine, "name": r.Name, "status": r.Status, "startDate": epoch(r.Started)}
	if !r.Ended.IsZero() {
		out["stopDate"] = epoch(r.Ended)
	}
	for key, value := range map[string]string{"input": r.Input, "output": r.Output, "error": r.Error, "cause": r.Cause} {
		if value != "" {
			out[key] = value
		}
	}
	return out
}

func (m *Machines) history(r Run, in machinesInput) any {
	list := []map[string]any{}
	for i, e := range r.Events {
		event := map[string]any{"id": i + 1, "previousEventId": i, "type": e.Type, "timestamp": epoch(e.At)}
		switch {
		case strings.HasSuffix(e.Type, "StateEntered"):
			event["stateEnteredEventDetails"] = map[string]any{"name": e.State}
		case strings.HasSuffix(e.Type, "StateExited"):
			event["stateExitedEventDetails"] = map[string]any{"name": e.State, "output": e.Output}
		case strings.HasPrefix(e.Type, "Task") && e.Error != "":
			key := strings.ToLower(e.Type[:1]) + e.Type[1:] + "EventDetails"
			event[key] = map[string]any{"error": e.Error, "cause": e.Cause, "resourceType": "lambda", "resource": "invoke"}
		}
		list = append(list, event)
	}
	if in.ReverseOrder {
		slices.Reverse(list)
	}
	from, to := m.pageOf(in, len(list))
	return paged("events", list[from:to], to, len(list))
}

func (m *Machines) pageOf(in machinesInput, n int) (from, to int) {
	from, _ = strconv.Atoi(in.NextToken)
	size := in.MaxResults
	if size <= 0 {
		size = 100
	}
	if m.page > 0 {
		size = min(size, m.page)
	}
	return min(from, n), min(from+size, n)
}

func paged(key string, list []map[string]any, to, n int) any {
	out := map[string]any{key: list}
	if to < n {
		out["nextToken"] = strconv.Itoa(to)
	}
	return out
}

func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }
