package simulation

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sitefence/sitefence/local/asl"
)

// listed is an execution as a list shows it.
type listed struct {
	name, status string
	started      time.Time
}

func (r *Run) machine() string {
	switch {
	case r.Fence:
		return fenceMachine
	case r.Restore:
		return restoreMachine
	}
	return guardMachine
}

// list is one page of a machine's executions, newest first.
func (w *World) list(machine, filter, token string, limit int) (page []listed, next string) {
	var all []listed
	for _, r := range slices.Backward(w.Runs) {
		if r.machine() != machine {
			continue
		}
		status := string(r.Status)
		if r.Status == asl.Running && w.hidden(r) {
			continue
		}
		if r.Status != asl.Running && w.hidden(r) {
			status = string(asl.Running)
		}
		if filter == "" || filter == status {
			all = append(all, listed{r.Name, status, r.started})
		}
	}
	all = append(all, slices.DeleteFunc(w.past(machine), func(l listed) bool { return filter != "" && filter != l.status })...)
	from, _ := strconv.Atoi(token)
	from = min(from, len(all))
	to := min(from+max(limit, 1), len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return all[from:to], next
}

// hidden reports whether a list or description lags behind for this run.
func (w *World) hidden(r *Run) bool { return w.Lags != nil && w.Lags(r) }

// Fences are the executions of the fence machine, oldest first.
func (w *World) Fences() []*Run {
	return slices.DeleteFunc(slices.Clone(w.Runs), func(r *Run) bool { return !r.Fence })
}

// serveStates is ListExecutions as the functions call it.
func (w *World) serveStates(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		StateMachineArn, StatusFilter, NextToken string
		MaxResults                               int
	}
	body, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(body, &in); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	page, next := w.list(in.StateMachineArn, in.StatusFilter, in.NextToken, in.MaxResults)
	out := map[string]any{}
	executions := []map[string]any{}
	for _, e := range page {
		executions = append(executions, map[string]any{"name": e.name, "status": e.status, "stateMachineArn": in.StateMachineArn,
			"executionArn": executionARN(in.StateMachineArn, e.name), "startDate": e.started.Unix()})
	}
	out["executions"] = executions
	if next != "" {
		out["nextToken"] = next
	}
	rw.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(rw).Encode(out)
}

// past are executions of the fence machine that had ended before the world began.
func (w *World) past(machine string) []listed {
	var all []listed
	if machine == fenceMachine {
		for _, name := range w.Past {
			all = append(all, listed{name, string(asl.Succeeded), time.Now().Add(-time.Hour)})
		}
	}
	return all
}
