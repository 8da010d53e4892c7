package statemachine_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/statemachine"
)

// TestValidator runs the pinned asl-validator: it finds missing targets,
// unreachable states and broken expressions, which the engines accept.
func TestValidator(t *testing.T) {
	tool, err := filepath.Abs("../node_modules/.bin/asl-validator")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tool); err != nil {
		if os.Getenv("SITEFENCE_REAL") == "1" {
			t.Fatalf("asl-validator is not installed (npm ci): %v", err)
		}
		t.Skip("asl-validator is not installed: run npm ci")
	}
	files, err := filepath.Glob("*.asl.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("machines %v, want three or more: %v", files, err)
	}
	for _, file := range files {
		out, err := exec.CommandContext(t.Context(), tool, "--json-path", file).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "is valid") {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

// awsErrors are the error names that AWS gives and the machines name.
var awsErrors = []string{
	"States.ALL",
	"StepFunctions.ExecutionAlreadyExistsException", // states:startExecution
	"Sfn.ExecutionDoesNotExistException",            // aws-sdk:sfn:describeExecution
	"Sfn.ThrottlingException",                       // aws-sdk:sfn, an API's common errors
	"Sfn.SfnException",                              // aws-sdk:sfn, what the SDK has no name for
}

// TestErrorNames holds every ErrorEquals against the errors that can arrive,
// and sees to it that none of the code's own errors is unheard of.
func TestErrorNames(t *testing.T) {
	for name, m := range machines(t) {
		heard := map[string]bool{}
		for id, s := range m.States {
			var names []string
			for _, r := range s.Retry {
				names = append(names, r.ErrorEquals...)
			}
			for _, c := range s.Catch {
				names = append(names, c.ErrorEquals...)
			}
			for _, n := range names {
				heard[n] = true
				if !slices.Contains(awsErrors, n) && !slices.Contains(contract.ErrorTypes, n) {
					t.Errorf("%s: %s names %q, which nothing returns", name, id, n)
				}
			}
		}
		for _, typ := range []string{"Refused", "Misconfigured"} {
			if !heard[typ] {
				t.Errorf("%s: nothing says what happens on %s", name, typ)
			}
		}
		if name == "fence" && !heard["Transient"] {
			t.Error("fence: nothing sends a Transient back to CheckHealth")
		}
	}
}

// TestVocabulary holds every decision, reason and detail type in the machines'
// expressions against Go's constants, and every decision against the Choices.
func TestVocabulary(t *testing.T) {
	known := constants(t)
	literal := regexp.MustCompile(`\$check\.(decision|reason) = '([^']*)'`)
	oneOf := regexp.MustCompile(`\$check\.decision in \[([^]]*)\]`)
	for name, m := range machines(t) {
		if name == "restore" {
			continue // it decides nothing itself; see TestPhases
		}
		decided := map[string]bool{}
		for id, s := range m.States {
			for _, c := range s.Choices {
				for _, hit := range oneOf.FindAllStringSubmatch(c.Condition, -1) {
					for d := range strings.SplitSeq(hit[1], ", ") {
						if d = strings.Trim(d, "'"); !slices.Contains(known["Decision"], d) {
							t.Errorf("%s: %s compares the decision with %q, want one of %q", name, id, d, known["Decision"])
						}
						decided[d] = true
					}
				}
				for _, hit := range literal.FindAllStringSubmatch(c.Condition, -1) {
					typ := map[string]string{"decision": "Decision", "reason": "Reason"}[hit[1]]
					if !slices.Contains(known[typ], hit[2]) {
						t.Errorf("%s: %s compares the %s with %q, want one of %q", name, id, hit[1], hit[2], known[typ])
					}
					if hit[1] == "decision" {
						decided[hit[2]] = true
					}
				}
			}
		}
		for _, d := range known["Decision"] {
			if !decided[d] {
				t.Errorf("%s: no Choice knows the decision %q", name, d)
			}
		}
	}
}

// constants reads the values of the contract's typed string constants.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	values := map[string][]string{}
	for _, name := range []string{"contract", "steps", "restore"} {
		file, err := parser.ParseFile(token.NewFileSet(), "../internal/contract/"+name+".go", nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		read(t, file, values)
	}
	if len(values["Decision"]) != 6 || len(values["Reason"]) < 30 || len(values["Phase"]) != 3 || len(values["Action"]) != 7 || len(values["Operation"]) != 1 {
		t.Fatalf("read %v from the contract: the reader is broken", values)
	}
	return values
}

func read(t *testing.T, file *ast.File, values map[string][]string) {
	t.Helper()
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Type == nil || len(spec.Values) != 1 {
			return true
		}
		typ, isIdent := spec.Type.(*ast.Ident)
		lit, isLit := spec.Values[0].(*ast.BasicLit)
		if isIdent && isLit {
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			values[typ.Name] = append(values[typ.Name], text)
		}
		return true
	})
}

// functionTimeout is what infra gives each function, in seconds.
var functionTimeout = map[string]int{
	"${CheckHealthFunctionArn}":       contract.CheckHealthTimeout,
	"${UpdateAcceleratorFunctionArn}": contract.UpdateAcceleratorTimeout,
	"${TakeOfflineFunctionArn}":       contract.TakeOfflineTimeout,
	"${ResyncFunctionArn}":            contract.ResyncTimeout,
}

// TestTasks holds each task to the rules of retries: Refused and Misconfigured
// none; all else enough to outlast two calls that hang; a timeout above the
// function's own, so that the function's error wins.
func TestTasks(t *testing.T) {
	for name, m := range machines(t) {
		for id, s := range m.States {
			if s.Type != "Task" {
				continue
			}
			if s.TimeoutSeconds == 0 {
				t.Errorf("%s: %s has no TimeoutSeconds", name, id)
			}
			last := s.Retry[len(s.Retry)-1]
			if !slices.Equal(last.ErrorEquals, []string{"States.ALL"}) || last.JitterStrategy != "FULL" || last.BackoffRate <= 1 {
				t.Errorf("%s: %s: the last Retry must be States.ALL with backoff and full jitter, got %+v", name, id, last)
			}
			var args struct{ FunctionName string }
			if json.Unmarshal(s.Arguments, &args) != nil || args.FunctionName == "" {
				continue
			}
			timeout, ok := functionTimeout[args.FunctionName]
			if !ok || s.TimeoutSeconds <= timeout {
				t.Errorf("%s: %s: timeout %d s, want more than the function's %d s", name, id, s.TimeoutSeconds, timeout)
			}
			if !slices.Contains(s.Retry[0].ErrorEquals, "Refused") || !slices.Contains(s.Retry[0].ErrorEquals, "Misconfigured") || s.Retry[0].MaxAttempts != 0 {
				t.Errorf("%s: %s retries what no retry mends", name, id)
			}
			// A call may be throttled behind one that hangs. A restore is no
			// emergency, and somebody follows it who can start it again.
			want := 2 * float64(timeout)
			if name == "restore" {
				want = 20
			}
			// Full jitter waits half as long on average.
			if got := budget(last) / 2; got < want {
				t.Errorf("%s: %s waits %.0f s between its retries on average, want at least %.0f s (function: %d s)", name, id, got, want, timeout)
			}
		}
	}
}

func budget(r retrier) float64 {
	total, wait := 0.0, r.IntervalSeconds
	for range r.MaxAttempts {
		total += math.Min(wait, r.MaxDelaySeconds)
		wait *= r.BackoffRate
	}
	return total
}

// TestPursuit holds the numbers of the design's take-offline: about three
// minutes, then a page, then about half an hour, failing in place.
func TestPursuit(t *testing.T) {
	fence := machines(t)["fence"]
	first, last := fence.States["TakeOffline"], fence.States["KeepTakingOffline"]
	if got := budget(first.Retry[1]) / 2; got < 150 || got > 240 {
		t.Errorf("TakeOffline waits %.0f s on average, want about 180", got)
	}
	if got := budget(last.Retry[1]) / 2; got < 1500 || got > 2100 {
		t.Errorf("KeepTakingOffline waits %.0f s on average, want about 1800", got)
	}
	if len(last.Catch) != 0 {
		t.Error("KeepTakingOffline has a Catch: it could not be redriven")
	}
	if diff := cmp.Diff(string(first.Arguments), string(last.Arguments)); diff != "" {
		t.Errorf("the two take-offlines are called differently:\n%s", diff)
	}
}

// TestFailStates: an operator reads the cause at three in the morning.
func TestFailStates(t *testing.T) {
	advice := map[string]*regexp.Regexp{
		"guard": regexp.MustCompile(`New execution, same input`),
		"fence": regexp.MustCompile(`New execution, same input|start an execution there`),
		// A restore is started by the command, which gives it its name.
		"restore": regexp.MustCompile("sitefence restore"),
	}
	changed := regexp.MustCompile(`Nothing was changed|may |is still|stopped, and replication|could not take its turn`)
	for name, m := range machines(t) {
		for id, s := range m.States {
			if s.Type != "Fail" {
				continue
			}
			s = explained(t, m, id)
			if !changed.MatchString(s.Cause) {
				t.Errorf("%s: %s does not say what was changed: %q", name, id, s.Cause)
			}
			if s.Error == "" || !advice[name].MatchString(s.Cause) {
				t.Errorf("%s: %s does not say what to do: error %q, cause %q", name, id, s.Error, s.Cause)
			}
			if name != "guard" && strings.Contains(s.Cause, "${") {
				t.Errorf("%s: %s refers to a resource: a cycle for CloudFormation", name, id)
			}
		}
	}
}

// TestSubstitutions: what infra fills in, and nothing else.
func TestSubstitutions(t *testing.T) {
	name := regexp.MustCompile(`\$\{(\w+)\}`)
	want := map[string][]string{
		statemachine.Guard: append(slices.Collect(maps.Keys(statemachine.GuardNames("d", config.GuardLimits{}))),
			"BusName", "CheckHealthFunctionArn", "FenceMachineArn"),
		statemachine.Fence: append(slices.Collect(maps.Keys(statemachine.FenceNames("d", config.FenceLimits{}))),
			"BusName", "CheckHealthFunctionArn", "TakeOfflineFunctionArn", "UpdateAcceleratorFunctionArn"),
		statemachine.Restore: {"GuardMachineArn", "ResyncFunctionArn"},
	}
	for text, names := range want {
		var got []string
		for _, hit := range name.FindAllStringSubmatch(text, -1) {
			got = append(got, hit[1])
		}
		slices.Sort(got)
		slices.Sort(names)
		if diff := cmp.Diff(names, slices.Compact(got)); diff != "" {
			t.Errorf("substituted names (-want +got):\n%s", diff)
		}
	}
}
