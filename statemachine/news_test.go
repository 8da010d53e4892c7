package statemachine_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/asl"
	"github.com/sitefence/sitefence/statemachine"
)

// news is every event that the machines put, by its detail type.
var news = map[string]struct {
	schema   string
	detail   any
	machines []string
}{
	contract.DetailTypeSiteFenced:   {"site-fenced", contract.SiteFenced{}, []string{"fence"}},
	contract.DetailTypeStillTrying:  {"still-trying", contract.StillTrying{}, []string{"fence"}},
	contract.DetailTypeSiteRejoined: {"site-rejoined", contract.SiteRejoined{}, []string{"fence"}},
	contract.DetailTypeFenceIgnored: {"fence-ignored", contract.FenceIgnored{}, []string{"fence", "guard"}},
	contract.DetailTypeFenceFailed:  {"fence-failed", contract.FenceFailed{}, []string{"fence", "guard"}},
}

// entry is what one task puts on the bus.
type entry struct {
	EventBusName, Source, DetailType string
	Detail                           json.RawMessage
}

func put(t *testing.T, s state) (entry, bool) {
	t.Helper()
	if s.Resource != "arn:aws:states:::events:putEvents" {
		return entry{}, false
	}
	var args struct{ Entries []entry }
	if err := json.Unmarshal(s.Arguments, &args); err != nil || len(args.Entries) != 1 {
		t.Fatalf("%s: %d entries, %v", s.Arguments, len(args.Entries), err)
	}
	return args.Entries[0], true
}

var field = regexp.MustCompile(`'(\w+)': `)

// TestNews holds the fields that the machines put into each event against the Go
// type, both ways, and the events against the table.
func TestNews(t *testing.T) {
	puts := map[string][]string{}
	for name, m := range machines(t) {
		for id, s := range m.States {
			e, ok := put(t, s)
			if !ok {
				continue
			}
			puts[e.DetailType] = append(puts[e.DetailType], name)
			if e.Source != contract.Source || e.EventBusName != "${BusName}" {
				t.Errorf("%s: %s puts an event of %q on %q", name, id, e.Source, e.EventBusName)
			}
			var got []string
			var whole string
			if json.Unmarshal(e.Detail, &whole) == nil {
				for _, hit := range field.FindAllStringSubmatch(whole, -1) {
					got = append(got, hit[1])
				}
			} else {
				var literal map[string]any
				if err := json.Unmarshal(e.Detail, &literal); err != nil {
					t.Fatal(err)
				}
				got = slices.Collect(maps.Keys(literal))
			}
			slices.Sort(got)
			if diff := cmp.Diff(fields(reflect.TypeOf(news[e.DetailType].detail)), got); diff != "" {
				t.Errorf("%s: %s: the fields of %q (-Go +machine):\n%s", name, id, e.DetailType, diff)
			}
		}
	}
	for detailType, n := range news {
		slices.Sort(puts[detailType])
		if diff := cmp.Diff(n.machines, puts[detailType]); diff != "" {
			t.Errorf("who puts %q (-want +got):\n%s", detailType, diff)
		}
	}
	if len(puts) != len(news) {
		t.Errorf("the machines put %v", puts)
	}
}

// fields are the JSON names of a struct's fields, those of embedded ones too.
func fields(typ reflect.Type) []string {
	var names []string
	for f := range typ.Fields() {
		if f.Anonymous {
			names = append(names, fields(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// explained is a Fail state with the error and the cause that it will have: those
// of guard and fence are put on the bus first.
func explained(t *testing.T, m machine, id string) state {
	t.Helper()
	s := m.States[id]
	if s.Cause != "{% $failure.cause %}" {
		return s
	}
	var assign struct{ Failure string }
	if err := json.Unmarshal(m.States["Explain"+id].Assign, &assign); err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	head := "{% {'end': '" + id + "', 'error': "
	if s.Error == "{% $failure.error %}" {
		head += "$problem.Error, "
	} else {
		head += "'" + s.Error + "', "
	}
	rest, ok := strings.CutPrefix(assign.Failure, head+"'cause': ")
	if !ok {
		t.Errorf("Explain%s assigns %.120s, want %s…", id, assign.Failure, head)
	}
	s.Cause = rest
	return s
}

// TestEveryEndIsAnnounced: each end of guard and fence that nobody else tells of is
// reached over its event, and the event over its own explanation.
func TestEveryEndIsAnnounced(t *testing.T) {
	for _, name := range []string{"guard", "fence"} {
		m := machines(t)[name]
		from := map[string][]string{}
		for id, s := range m.States {
			targets := []string{s.Next, s.Default}
			for _, c := range s.Catch {
				targets = append(targets, c.Next)
			}
			for _, c := range s.Choices {
				targets = append(targets, c.Next)
				if end, ok := strings.CutPrefix(c.Condition, "{% $failure.end = "); ok && end != "'"+c.Next+"' %}" {
					t.Errorf("%s: %s leads to %s", name, c.Condition, c.Next)
				}
			}
			for _, next := range targets {
				if next != "" && !slices.Contains(from[next], id) {
					from[next] = append(from[next], id)
				}
			}
		}
		want := map[string][]string{"Paused?": {"AnnounceIgnored"}, "Ignored": {"Paused?"}, "Paused": {"Paused?"}, "WhichFailure?": {"AnnounceFailure"}}
		var explanations []string
		for id, s := range m.States {
			if s.Type == "Fail" {
				want[id] = []string{"WhichFailure?"}
				explanations = append(explanations, "Explain"+id)
			}
		}
		want["AnnounceFailure"] = explanations
		for id, ids := range want {
			slices.Sort(from[id])
			slices.Sort(ids)
			if diff := cmp.Diff(ids, from[id]); diff != "" {
				t.Errorf("%s: what leads to %s (-want +got):\n%s", name, id, diff)
			}
		}
	}
}

// TestNewsIsQuick: whatever the bus does, an end waits for its event for less than
// a minute.
func TestNewsIsQuick(t *testing.T) {
	for name, m := range machines(t) {
		for _, id := range []string{"AnnounceIgnored", "AnnounceFailure"} {
			s, ok := m.States[id]
			if !ok {
				continue
			}
			if total := budget(s.Retry[0]) + float64(s.TimeoutSeconds*(s.Retry[0].MaxAttempts+1)); total > 40 {
				t.Errorf("%s: %s may take %.0f s", name, id, total)
			}
		}
	}
}

// odd are inputs that the machines may be given by hand.
var odd = map[string]any{
	"null": nil, "a text": "x", "a number": 7.0, "a list": []any{1.0, "x"}, "a list of events": []any{map[string]any{"reporter": "a"}, map[string]any{"reporter": "b"}},
	"nothing": map[string]any{}, "fields of another type": map[string]any{"reporter": 7.0, "site": []any{"b"}, "guard": map[string]any{}, "dryRun": "yes", "operation": 1.0},
	"long names": map[string]any{"reporter": strings.Repeat("€", 60_000), "site": strings.Repeat("x", 60_000), "guard": strings.Repeat("g", 60_000)},
	"an event": map[string]any{"reporter": "site-a", "site": "site-b", "dryRun": true, "operation": "rejoin",
		"guard": "arn:aws:states:eu-west-1:123456789012:execution:guard:g", "receivedAt": "2026-11-23T10:00:00Z"},
}

// answers are what CheckHealth may answer; a failed one is an error and its cause.
var answers = map[string]any{
	"null": nil, "a text": "fence", "a list": []any{map[string]any{"reason": "x"}, map[string]any{"reason": "y"}}, "nothing": map[string]any{},
	"ignored":                  map[string]any{"decision": "ignore", "reason": "already-fenced", "evidence": map[string]any{"sites": map[string]any{}}, "checkedAt": "2026-11-23T10:00:01Z"},
	"paused":                   map[string]any{"decision": "ignore", "reason": "paused", "evidence": map[string]any{"sites": map[string]any{}}},
	"ignored for no reason":    map[string]any{"decision": "ignore"},
	"undecided":                map[string]any{"decision": "recheck", "reason": "reporter-unreachable", "evidence": map[string]any{"sites": map[string]any{}, "trouble": "x"}},
	"too much evidence":        map[string]any{"decision": "recheck", "reason": "reporter-unreachable", "evidence": map[string]any{"sites": map[string]any{}, "trouble": strings.Repeat("€", 60_000)}},
	"fields of another type":   map[string]any{"decision": "recheck", "reason": []any{"x"}, "evidence": "x", "checkedAt": 7.0},
	"an error":                 failure{"Misconfigured", `{"errorMessage":"bad-credentials: 401","errorType":"Misconfigured"}`},
	"an error without cause":   failure{"States.Timeout", ""},
	"an error that says a lot": failure{"Lambda.Unknown", strings.Repeat("€😀\"\\", 60_000)},
}

type failure struct{ name, cause string }

// TestNewsOfWhatever: whatever the machines are given and are answered, the event
// of a bad end and of an idle one can be made, is what its schema and Go type say,
// is small, and tells what the execution then ends with.
func TestNewsOfWhatever(t *testing.T) {
	for _, name := range []string{"guard", "fence"} {
		for in, input := range odd {
			for said, answer := range answers {
				for _, execution := range []string{"fence-7", "by-hand"} {
					t.Run(name+", "+in+", "+said+", "+execution, func(t *testing.T) {
						e, detailType, detail := announced(t, name, execution, input, answer)
						if e == nil {
							return
						}
						wantNews(t, e, detailType, detail)
					})
				}
			}
		}
	}
}

// announced runs a machine to its end, whose last event it returns.
func announced(t *testing.T, name, execution string, input, answer any) (*asl.Execution, string, any) {
	t.Helper()
	text, names := statemachine.Guard, statemachine.GuardNames("kc", config.GuardLimits{})
	if name == "fence" {
		text, names = statemachine.Fence, statemachine.FenceNames("kc", config.FenceLimits{})
	}
	for _, resource := range []string{"BusName", "CheckHealthFunctionArn", "UpdateAcceleratorFunctionArn", "TakeOfflineFunctionArn", "FenceMachineArn"} {
		names[resource] = resource
	}
	d, err := asl.Parse(text, names)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(0, 0)
	e := d.Start(execution, "arn:aws:states:eu-west-1:123456789012:execution:x:"+execution, input, asl.Options{Now: func() time.Time { return now }, Random: func() float64 { return 0 }})
	var detailType string
	var detail any
	for n := 0; e.Status == asl.Running && n < 1000; n++ {
		call := e.Call()
		if call == nil {
			now = now.Add(e.Pause())
			e.Resume()
			continue
		}
		f, failed := answer.(failure)
		switch {
		case strings.HasPrefix(call.State, "Announce"):
			entry := call.Arguments.(map[string]any)["Entries"].([]any)[0].(map[string]any)
			detailType, detail = entry["DetailType"].(string), entry["Detail"]
			e.Fail("EventBridge.FailedEntry", "the bus is gone")
		case call.State == "CheckHealth" && failed:
			e.Fail(f.name, f.cause)
		case call.State == "CheckHealth":
			e.Succeed(map[string]any{"Payload": answer})
		default:
			e.Fail("Misconfigured", "not in this test")
		}
	}
	if e.Status != asl.Failed && e.Status != asl.Succeeded {
		t.Fatalf("it is %s in %s", e.Status, e.State)
	}
	return e, detailType, detail
}

func wantNews(t *testing.T, e *asl.Execution, detailType string, detail any) {
	t.Helper()
	n, ok := news[detailType]
	if !ok {
		t.Fatalf("it ended %s in %s (%s %s) and told %q", e.Status, e.State, e.Error, e.Cause, detailType)
	}
	data, err := json.Marshal(detail)
	if err != nil {
		t.Fatal(err)
	}
	// A quarter of what EventBridge takes.
	if len(data) > 64<<10 {
		t.Errorf("%q of %d bytes", detailType, len(data))
	}
	c := jsonschema.NewCompiler()
	schema, err := c.Compile(filepath.Join("../internal/contract/schema", "news."+n.schema+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%.2000s: %v", data, err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(reflect.New(reflect.TypeOf(n.detail)).Interface()); err != nil {
		t.Errorf("%.2000s: %v", data, err)
	}
	told := detail.(map[string]any)
	if told["execution"] != e.ID || told["deployment"] != "kc" {
		t.Errorf("it tells of %v in %v", told["execution"], told["deployment"])
	}
	if e.Status == asl.Succeeded {
		if detailType != contract.DetailTypeFenceIgnored || told["outcome"] != e.State {
			t.Errorf("it ended %s and told %q: %.400s", e.State, detailType, data)
		}
		return
	}
	if detailType != contract.DetailTypeFenceFailed || told["end"] != e.State || told["error"] != e.Error || told["cause"] != e.Cause {
		t.Errorf("it ended in %s: %s %s\nand told %q: %.2000s", e.State, e.Error, e.Cause, detailType, data)
	}
}
