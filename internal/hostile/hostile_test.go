package hostile

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/sitefence/sitefence/internal/contract"
)

// strange are values that would do harm in a URL, an ARN, a path, a header, a
// log line, a query or a template that takes them as they are.
var strange = []string{
	"", " ", "site-b ", "SITE-B", "site-b?action=bring-online", "site-b/../../caches/x", "../../site-b", "site-b%2f..", "site-b%00", "site-b#", "site-b;x", "//evil.test/", "https://evil.test/", "@evil.test",
	"site-b\r\nHost: evil.test\r\n\r\n", "site-b\n{\"level\":\"ERROR\",\"msg\":\"x\"}", "site-b\x00", "\x1b[2J", "\u2028", "\u202e", "\ufeffsite-b", "\"},{\"", "\\", "${AWS::AccountId}", "{% $states.input %}", "{{7*7}}", "$(id)", "<a>&",
	"arn:aws:elasticloadbalancing:evil.test/:1:loadbalancer/x", "*", "fence-1\n", "fence-99999999999", "null", "site-a", strings.Repeat("site-b", 5000),
}

var errorTypes = contract.ErrorTypes

func checkError(t testing.TB, err error) {
	t.Helper()
	if kind := reflect.TypeOf(err).Elem().Name(); !slices.Contains(errorTypes, kind) {
		t.Errorf("an error of no type of the contract: %s %v", kind, err)
	}
	if text := err.Error(); len(text) > 2*contract.MaxText || strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("an error of %d bytes: %.200q", len(text), text)
	}
}

// TestLabels: no value of an alert or a header gets further than a plain one.
func TestLabels(t *testing.T) {
	p := newPipeline(t)
	plain := p.plain(t)
	places := []string{"alertname", "accelerator", "reporter", "site", "status", "fingerprint", "startsAt", "whatever is not looked at"}
	for _, place := range places {
		for _, value := range strange {
			alert, key, headers := alertOf(p), "key", map[string]string{}
			labels, _ := alert["labels"].(map[string]any)
			switch place {
			case "whatever is not looked at":
				key = value
				headers["x-"+value], headers["host"], headers["content-type"] = value, value, value
				labels["severity"], labels["x-"+value], alert["generatorURL"], alert["x-"+value], alert["annotations"] = value, value, value, value, value
			case "status", "fingerprint", "startsAt":
				alert[place] = value
			default:
				labels[place] = value
			}
			before := len(p.bus.Events())
			if status := p.post(t, alert, key, headers); status != 204 {
				t.Errorf("%s %.40q: answered %d", place, value, status)
			}
			for _, e := range p.bus.Events()[before:] {
				checkEvent(t, p, e)
				p.run(t, json.RawMessage(e.Detail))
			}
			p.check(t, plain, fmt.Sprintf("%s %.40q", place, value))
		}
	}
}

// fields are those of a step's input, by their path; no path stands for all the
// texts that are not looked at, together.
var fields = [][]string{
	{"version"}, {"deployment"}, {"reporter"}, {"site"}, {"receivedAt"}, {"alert", "startsAt"}, {"execution"}, {"decision"}, {"checkedAt"},
	{"record"}, {"begun"}, {"repeated"}, {"alert"}, {},
}

// input is a step's input with one strange value in it.
func (p *pipeline) input(t testing.TB, path []string, value any) json.RawMessage {
	t.Helper()
	in := p.Act(1)
	data, err := json.Marshal(in)
	must(t, err)
	all := map[string]any{}
	must(t, json.Unmarshal(data, &all))
	switch len(path) {
	case 0:
		all["record"] = []any{map[string]any{"listener": value, "group": value, "endpoint": value, "weight": 1, "clientIPPreservation": true}}
		all["accelerator"], all["of-tomorrow"], all["repeated"] = value, value, true
		inner, _ := all["alert"].(map[string]any)
		inner["fingerprint"], inner["groupKey"] = value, value
	case 1:
		all[path[0]] = value
	default:
		inner, _ := all[path[0]].(map[string]any)
		inner[path[1]] = value
	}
	data, err = json.Marshal(all)
	must(t, err)
	return data
}

// try calls every step with one input.
func (p *pipeline) try(t testing.TB, plain map[string]bool, raw json.RawMessage) {
	t.Helper()
	for name, step := range p.steps {
		out, err := step(t.Context(), raw)
		if err != nil {
			checkError(t, err)
		} else if data, err := json.Marshal(out); err != nil || len(data) > 100<<10 {
			t.Errorf("%s: an output of %d bytes, %v", name, len(data), err)
		}
		p.check(t, plain, fmt.Sprintf("%s %.200q", name, raw))
	}
}

// TestStepInputs: no input of a step, whoever started the machine, makes a
// request that a plain one would not make.
func TestStepInputs(t *testing.T) {
	p := newPipeline(t)
	plain := p.plain(t)
	for _, path := range fields {
		for _, value := range strange {
			p.try(t, plain, p.input(t, path, value))
		}
		for _, value := range []any{nil, 7, -1.5e300, true, []any{}, []any{nil}, map[string]any{}, []any{map[string]any{"endpoint": []any{}}}} {
			p.try(t, plain, p.input(t, path, value))
		}
	}
	for _, raw := range []string{"", "null", "[]", "{", `{"site":"site-b"}`, strings.Repeat("[", 20_000), `{"record":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}`} {
		p.try(t, plain, json.RawMessage(raw))
	}
}

// TestNoticed: the checks above can fail: a name of another configuration makes
// other requests.
func TestNoticed(t *testing.T) {
	p := newPipeline(t)
	plain := p.plain(t)
	p.Config.Accelerator.ARN += "x"
	p.build(t)
	if _, err := p.steps["CheckHealth"](t.Context(), p.input(t, []string{"version"}, "1")); contract.ReasonOf(err) != contract.NotFound {
		t.Errorf("got %v, want not-found", err)
	}
	for request := range p.forget() {
		if !plain[request] {
			return
		}
	}
	t.Error("a request for another accelerator was not noticed")
}

// FuzzStepInput: the same for any value in any place, and any input at all.
func FuzzStepInput(f *testing.F) {
	for i := range fields {
		f.Add(uint8(i), `"site-b"`) //nolint:gosec // a handful
		f.Add(uint8(i), `{"":[null,-1e9]}`)
	}
	for i, value := range strange {
		quoted, err := json.Marshal(value)
		if err != nil {
			f.Fatal(err)
		}
		if len(quoted) < 1000 {
			f.Add(uint8(i), string(quoted)) //nolint:gosec // a handful
		}
	}
	f.Add(uint8(255), `{"version":"1"}`)
	p := newPipeline(f)
	plain := p.plain(f)
	f.Fuzz(func(t *testing.T, place uint8, value string) {
		if int(place) > len(fields) {
			p.try(t, plain, json.RawMessage(value))
			return
		}
		var v any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			v = value
		}
		p.try(t, plain, p.input(t, fields[int(place)%len(fields)], v))
	})
}
