package asl_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/asl"
)

// clock is a caller's time: it passes only while an execution waits.
type clock struct{ now time.Time }

func machine(t *testing.T, states string) *asl.Definition {
	t.Helper()
	d, err := asl.Parse(`{"QueryLanguage":"JSONata","StartAt":"Start","TimeoutSeconds":1000,"States":{`+states+`}}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (c *clock) start(d *asl.Definition, input any) *asl.Execution {
	return d.Start("name", "id", input, asl.Options{Now: func() time.Time { return c.now }, Random: func() float64 { return 0.5 }})
}

// run answers every task with what answer says, and waits out every pause. It
// returns the pauses in seconds.
func (c *clock) run(e *asl.Execution, answer func(*asl.Call) (any, string)) (pauses []float64) {
	for e.Status == asl.Running {
		if call := e.Call(); call != nil {
			if result, problem := answer(call); problem != "" {
				e.Fail(problem, "why")
			} else {
				e.Succeed(result)
			}
			continue
		}
		pauses = append(pauses, e.Pause().Seconds())
		c.now = c.now.Add(e.Pause())
		e.Resume()
	}
	return pauses
}

// outcome is the output as JSON, or the error.
func outcome(e *asl.Execution) string {
	if e.Status == asl.Succeeded {
		data, err := json.Marshal(e.Output)
		if err != nil {
			panic(err)
		}
		return string(data)
	}
	return strings.TrimSuffix(string(e.Status)+" "+e.Error, " ")
}

// task is a Task with Retry and Catch, before two ends.
func task(retry, catch string) string {
	return `"Start":{"Type":"Task","Resource":"r","Retry":[` + retry + `],"Catch":[` + catch + `],"Next":"Done"},` +
		`"Done":{"Type":"Succeed"},"Caught":{"Type":"Succeed","Output":{"caught":"{% $states.input.Error %}","x":"{% $exists($x) ? $x : 0 %}"}},` +
		`"Other":{"Type":"Succeed","Output":"other"}`
}

func TestRetryAndCatch(t *testing.T) {
	const all = `{"ErrorEquals":["States.ALL"],"IntervalSeconds":2,"BackoffRate":2,"MaxAttempts":5,"MaxDelaySeconds":10}`
	const catchAll = `{"ErrorEquals":["States.ALL"],"Assign":{"x":"{% $states.errorOutput.Cause %}"},"Next":"Caught"}`
	tests := map[string]struct {
		retry, catch string
		problems     []string // answers, then all is well
		want         string
		pauses       []float64
	}{
		"backoff up to its cap":                {all, "", []string{"E", "E", "E", "E", "E"}, "1", []float64{2, 4, 8, 10, 10}},
		"full jitter":                          {strings.Replace(all, `}`, `,"JitterStrategy":"FULL"}`, 1), "", []string{"E", "E"}, "1", []float64{1, 2}},
		"attempts used up":                     {all, "", slices.Repeat([]string{"E"}, 6), "FAILED E", []float64{2, 4, 8, 10, 10}},
		"attempts used up, caught":             {all, catchAll, slices.Repeat([]string{"E"}, 6), `{"caught":"E","x":"why"}`, []float64{2, 4, 8, 10, 10}},
		"none of its own, whatever stands on":  {`{"ErrorEquals":["E"],"MaxAttempts":0},` + all, catchAll, []string{"E"}, `{"caught":"E","x":"why"}`, nil},
		"another error has the next retrier":   {`{"ErrorEquals":["E"],"MaxAttempts":0},` + all, "", []string{"F"}, "1", []float64{2}},
		"each retrier counts for itself":       {`{"ErrorEquals":["E"],"IntervalSeconds":1,"BackoffRate":1,"MaxAttempts":1},` + all, "", []string{"E", "F", "F", "E"}, "FAILED E", []float64{1, 2, 4}},
		"the first catcher that matches":       {"", `{"ErrorEquals":["E","F"],"Next":"Other"},` + catchAll, []string{"F"}, `"other"`, nil},
		"a later catcher":                      {"", `{"ErrorEquals":["E"],"Next":"Other"},` + catchAll, []string{"F"}, `{"caught":"F","x":"why"}`, nil},
		"TaskFailed is all but a timeout":      {"", `{"ErrorEquals":["States.TaskFailed"],"Next":"Other"},` + catchAll, []string{"States.Timeout"}, `{"caught":"States.Timeout","x":"why"}`, nil},
		"TaskFailed is a function's error":     {"", `{"ErrorEquals":["States.TaskFailed"],"Next":"Other"}`, []string{"Transient"}, `"other"`, nil},
		"nothing stops States.Runtime":         {all, catchAll, []string{"States.Runtime"}, "FAILED States.Runtime", nil},
		"nobody retries and nobody catches it": {"", "", []string{"E"}, "FAILED E", nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, left := &clock{}, tc.problems
			e := c.start(machine(t, task(tc.retry, tc.catch)), nil)
			pauses := c.run(e, func(*asl.Call) (any, string) {
				if len(left) == 0 {
					return 1, ""
				}
				problem := left[0]
				left = left[1:]
				return nil, problem
			})
			if outcome(e) != tc.want || !slices.Equal(pauses, tc.pauses) || len(left) > 0 {
				t.Errorf("got %s after %v with %d answers left, want %s after %v", outcome(e), pauses, len(left), tc.want, tc.pauses)
			}
		})
	}
}

func TestStates(t *testing.T) {
	const end = `"End":{"Type":"Succeed"}`
	tests := map[string]struct{ states, want string }{
		"Assign sees the variables from before it": {
			`"Start":{"Type":"Pass","Assign":{"n":1},"Next":"Count"},"Count":{"Type":"Pass","Assign":{"n":"{% $n + 1 %}","before":"{% $n %}"},"Next":"End"},
			"End":{"Type":"Succeed","Output":"{% [$n, $before] %}"}`, `[2,1]`},
		"Output sees them too": {
			`"Start":{"Type":"Pass","Assign":{"n":1},"Next":"Next"},"Next":{"Type":"Pass","Assign":{"n":2},"Output":"{% $n %}","Next":"End"},` + end, `1`},
		"nothing is an error":            {`"Start":{"Type":"Pass","Output":"{% $states.input.none %}","Next":"End"},` + end, "FAILED States.QueryEvaluationError"},
		"a name that nobody has set":     {`"Start":{"Type":"Pass","Output":"{% $none %}","Next":"End"},` + end, "FAILED States.QueryEvaluationError"},
		"nothing inside a text is empty": {`"Start":{"Type":"Pass","Output":"{% 'a' & $none %}","Next":"End"},` + end, `"a"`},
		"literals beside expressions":    {`"Start":{"Type":"Pass","Output":{"a":["x","{% 1 + 1 %}"]},"Next":"End"},` + end, `{"a":["x",2]}`},
		"a Condition is true or false":   {`"Start":{"Type":"Choice","Choices":[{"Condition":"{% 'x' %}","Next":"End"}],"Default":"End"},` + end, "FAILED States.QueryEvaluationError"},
		"no choice and no default":       {`"Start":{"Type":"Choice","Choices":[{"Condition":"{% false %}","Next":"End"}]},` + end, "FAILED States.NoChoiceMatched"},
		"the default":                    {`"Start":{"Type":"Choice","Choices":[{"Condition":"{% false %}","Output":1,"Next":"End"}],"Default":"End"},` + end, `{"a":1}`},
		"the first true choice":          {`"Start":{"Type":"Choice","Choices":[{"Condition":"{% true %}","Output":1,"Next":"End"},{"Condition":"{% true %}","Output":2,"Next":"End"}],"Default":"End"},` + end, `1`},
		"a rule's Assign, and only that of the one taken": {`"Start":{"Type":"Choice","Choices":[{"Condition":"{% false %}","Assign":{"n":1},"Next":"End"},{"Condition":"{% true %}","Assign":{"n":2},"Next":"Again"}]},
			"Again":{"Type":"Choice","Choices":[{"Condition":"{% $n = 1 %}","Assign":{"n":3},"Next":"End"}],"Default":"End"},"End":{"Type":"Succeed","Output":"{% $n %}"}`, `2`},
		"a Wait of no whole number":          {`"Start":{"Type":"Wait","Seconds":"{% 1.5 %}","Next":"End"},` + end, "FAILED States.QueryEvaluationError"},
		"Fail with expressions":              {`"Start":{"Type":"Fail","Error":"{% 'E' & $states.input.a %}","Cause":"x"}`, "FAILED E1"},
		"Fail with an expression for naught": {`"Start":{"Type":"Fail","Error":"{% $none %}","Cause":"x"}`, "FAILED States.QueryEvaluationError"},
		"no newer operators":                 {`"Start":{"Type":"Pass","Output":"{% $none ?? 1 %}","Next":"End"},` + end, "FAILED States.QueryEvaluationError"},
		"$max of an empty list":              {`"Start":{"Type":"Pass","Output":"{% $max([]) %}","Next":"End"},` + end, "FAILED States.QueryEvaluationError"},
		"a filter with one hit is no list":   {`"Start":{"Type":"Pass","Output":"{% [1, 2][$ = 2] %}","Next":"End"},` + end, `2`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := &clock{}
			e := c.start(machine(t, tc.states), map[string]any{"a": 1.0})
			c.run(e, nil)
			if outcome(e) != tc.want {
				t.Errorf("got %s (%s), want %s", outcome(e), e.Cause, tc.want)
			}
			if e.FailedInTask {
				t.Error("it says that it failed in a task")
			}
		})
	}
}

// TestRedrive: the state that failed is entered again with its input, the
// variables as they were, and a fresh count of retries.
func TestRedrive(t *testing.T) {
	c := &clock{}
	e := c.start(machine(t, `"Start":{"Type":"Pass","Assign":{"n":"{% $states.input.a %}"},"Output":{"b":2},"Next":"Work"},
		"Work":{"Type":"Task","Resource":"r","Arguments":{"n":"{% $n %}","in":"{% $states.input %}"},"Assign":{"n":9},"Next":"End",
			"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1,"BackoffRate":1,"MaxAttempts":1}]},
		"End":{"Type":"Succeed","Output":"{% $n %}"}`), map[string]any{"a": 7.0})
	tries := 0
	fails := func(*asl.Call) (any, string) { tries++; return nil, "E" }
	c.run(e, fails)
	if e.Status != asl.Failed || !e.FailedInTask || tries != 2 {
		t.Fatalf("got %s, in a task %t, after %d tries", outcome(e), e.FailedInTask, tries)
	}
	c.now = c.now.Add(24 * time.Hour) // its timeout begins anew
	if !e.Redrive() || e.Status != asl.Running || e.Error != "" {
		t.Fatalf("redriven: %s %s", e.Status, e.Error)
	}
	c.run(e, func(call *asl.Call) (any, string) {
		if tries++; tries == 3 {
			return nil, "E" // one retry is there again
		}
		if diff := cmp.Diff(map[string]any{"n": 7.0, "in": map[string]any{"b": 2.0}}, call.Arguments); diff != "" {
			t.Errorf("arguments (-want +got):\n%s", diff)
		}
		return nil, ""
	})
	if outcome(e) != "9" || tries != 4 {
		t.Errorf("got %s after %d tries, want 9 after 4", outcome(e), tries)
	}
	if diff := cmp.Diff([]string{"Start", "Work", "Work", "End"}, e.Trace); diff != "" {
		t.Errorf("trace (-want +got):\n%s", diff)
	}
	if e.Redrive() {
		t.Error("one that succeeded was redriven")
	}
}

// TestFailStateRedriven: a Fail state fails again.
func TestFailStateRedriven(t *testing.T) {
	c := &clock{}
	e := c.start(machine(t, `"Start":{"Type":"Fail","Error":"E","Cause":"x"}`), nil)
	if !e.Redrive() || outcome(e) != "FAILED E" {
		t.Errorf("got %s, want FAILED E again", outcome(e))
	}
}

// TestTimeouts: the machine's is kept to, a task's is told to the caller.
func TestTimeouts(t *testing.T) {
	c := &clock{}
	e := c.start(machine(t, `"Start":{"Type":"Wait","Seconds":600,"Next":"Work"},"Work":{"Type":"Task","Resource":"r","TimeoutSeconds":25,"Next":"Again"},
		"Again":{"Type":"Wait","Seconds":401,"Next":"End"},"End":{"Type":"Succeed"}`), nil)
	c.run(e, func(call *asl.Call) (any, string) {
		if call.Timeout != 25*time.Second {
			t.Errorf("the task's timeout is %v, want 25s", call.Timeout)
		}
		return 1, ""
	})
	if outcome(e) != "TIMED_OUT" {
		t.Errorf("got %s, want TIMED_OUT", outcome(e))
	}
}

// TestAbort: an answer that comes after it changes nothing.
func TestAbort(t *testing.T) {
	c := &clock{}
	e := c.start(machine(t, task("", "")), nil)
	e.Abort()
	e.Succeed(1)
	if outcome(e) != "ABORTED" || !e.Redrive() || e.Call() == nil {
		t.Errorf("got %s, and redriven %s", outcome(e), e.State)
	}
}

func TestRefusedDefinitions(t *testing.T) {
	const retry = `{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Task","Resource":"r","Next":"B","Retry":[%s]},"B":{"Type":"Succeed"}}}`
	tests := map[string]struct{ text, want string }{
		"a field of the machine":  {`{"QueryLanguage":"JSONata","Version":"1.0"}`, `unknown field "Version"`},
		"a field of a state":      {`{"QueryLanguage":"JSONata","States":{"A":{"Type":"Task","HeartbeatSeconds":1}}}`, `unknown field "HeartbeatSeconds"`},
		"a field of a catcher":    {`{"QueryLanguage":"JSONata","States":{"A":{"Type":"Task","Catch":[{"ResultPath":"$"}]}}}`, `unknown field "ResultPath"`},
		"JSONPath":                {`{"StartAt":"A"}`, `query language: got "", want JSONata`},
		"a type":                  {`{"QueryLanguage":"JSONata","States":{"A":{"Type":"Map"}}}`, `A: unknown type "Map"`},
		"a Choice's own Assign":   {`{"QueryLanguage":"JSONata","States":{"A":{"Type":"Choice","Assign":{"n":1}}}}`, `A: Assign or Output of a Choice as a whole`},
		"a state that is missing": {`{"QueryLanguage":"JSONata","States":{"A":{"Type":"Pass","Next":"B"}}}`, `A: no state "B"`},
		"a catch to nowhere":      {`{"QueryLanguage":"JSONata","States":{"A":{"Type":"Task","Catch":[{"Next":"B"}]}}}`, `A: no state "B"`},
		"a name without a value":  {`{"QueryLanguage":"JSONata","Comment":"${Name}"}`, `no substitution for ${Name}`},
		"a default of attempts":   {fmt.Sprintf(retry, `{"ErrorEquals":["E"]}`), `A: retrier: got no MaxAttempts`},
		"a default of backoff":    {fmt.Sprintf(retry, `{"ErrorEquals":["E"],"MaxAttempts":1,"IntervalSeconds":1}`), `A: retrier: got no IntervalSeconds or BackoffRate`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := asl.Parse(tc.text, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// TestSubstitutions: a name is replaced as JSON text, also inside an expression.
func TestSubstitutions(t *testing.T) {
	d, err := asl.Parse(`{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Succeed","Output":["${X}","{% '${X}' & '!' %}"]}}}`,
		map[string]string{"X": `a"b`})
	if err != nil {
		t.Fatal(err)
	}
	if e := (&clock{}).start(d, nil); outcome(e) != `["a\"b","a\"b!"]` {
		t.Errorf("got %s", outcome(e))
	}
}
