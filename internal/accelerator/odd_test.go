package accelerator_test

import (
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/contract"
)

// a and b are endpoints of the sites with the given members beside their id.
func a(members string) string { return `{"EndpointId":"` + lb(west, "a") + `",` + members + `}` }
func b(members string) string { return `{"EndpointId":"` + lb(west, "b") + `",` + members + `}` }

func in(member string) string {
	return strings.Replace(groups("listener/2", two), `"TrafficDialPercentage":100.0`, member, 1)
}

// odd are answers to ListEndpointGroups of the second listener that cannot be
// answers. Each of them, read with less care, would make site-b seem absent
// there or site-a seem to serve.
var odd = map[string]string{
	"nothing": ``, "null": `null`, "empty": `{}`, "no list": `{"EndpointGroups":null}`, "other letters": `{"endpointGroups":[]}`, "an object": `{"EndpointGroups":{}}`,
	"a text": `{"EndpointGroups":"none"}`, "HTML": `<html>`, "cut off": groups("listener/2", two)[:200], "a null group": `{"EndpointGroups":[null]}`,
	"an empty group": `{"EndpointGroups":[{}]}`, "a group without ARN": strings.Replace(in(`"X":1`), "EndpointGroupArn", "x", 1),
	"a group without endpoints": `{"EndpointGroups":[{"EndpointGroupArn":"g"}]}`, "null for endpoints": `{"EndpointGroups":[{"EndpointGroupArn":"g","EndpointDescriptions":null}]}`,
	"a null endpoint": groups("listener/2", "null"), "an endpoint without id": groups("listener/2", `{"Weight":128}`), "an empty id": groups("listener/2", `{"EndpointId":""}`),
	"an id that is a number": groups("listener/2", `{"EndpointId":7}`), "a weight as text": groups("listener/2", a(`"Weight":"128"`)+","+b(`"Weight":1`)),
	"a negative weight": groups("listener/2", a(`"Weight":1`)+","+b(`"Weight":-1`)), "a weight too large": groups("listener/2", a(`"Weight":256`)+","+b(`"Weight":1`)),
	"a fraction of a weight": groups("listener/2", a(`"Weight":0.5`)+","+b(`"Weight":1`)), "a dial that is no number": in(`"TrafficDialPercentage":"NaN"`),
	"an endless dial": in(`"TrafficDialPercentage":"Infinity"`), "a negative dial": in(`"TrafficDialPercentage":-1`), "a dial of 101": in(`"TrafficDialPercentage":101`),
	"a dial as text": in(`"TrafficDialPercentage":"100"`), "a preservation as text": groups("listener/2", a(`"ClientIPPreservationEnabled":"true"`)+","+b(`"Weight":1`)),
	"the same page for ever": strings.Replace(in(`"X":1`), `{`, `{"NextToken":"again",`, 1), "empty pages for ever": `{"NextToken":"again","EndpointGroups":[]}`,
	"a Region that is none": groups("listener/2", strings.Replace(two, ":eu-west-1:", ":x.example/?#:", 2)), "nested": strings.Repeat(`[`, 20_000),
	"a Region as long as a name": groups("listener/2", strings.Replace(two, ":eu-west-1:", ":"+strings.Repeat("x", 300)+":", 2)),
}

// oddTags are the same for DescribeTags.
var oddTags = map[string]string{
	"nothing": ``, "no result": `<DescribeTagsResponse/>`, "no descriptions": `<DescribeTagsResponse><DescribeTagsResult/></DescribeTagsResponse>`, "none described": tags(),
	"one left out": tags(described(lb(west, "a"), tagged("site-a"))), "one twice": tags(described(lb(west, "a"), tagged("site-a")), described(lb(west, "a"), tagged("site-a"))),
	"one twice, as another": tags(described(lb(west, "a"), tagged("site-a")), described(lb(west, "b"), tagged("site-b")), described(lb(west, "b"), tagged("site-a"))),
	"one not asked for":     tags(described(lb(west, "a"), tagged("site-a")), described(lb(west, "b"), tagged("site-b")), described(lb(west, "c"), tagged("site-a"))),
	"another instead":       tags(described(lb(west, "a"), tagged("site-a")), described(lb(west, "c"), tagged("site-b"))),
	"two sites":             tags(described(lb(west, "a"), tagged("site-a")), described(lb(west, "b"), tagged("site-b")+tagged("site-a"))),
	"cut off":               honest["DescribeTags"][:400], "cut off within a tag": honest["DescribeTags"][:strings.LastIndex(honest["DescribeTags"], "<Key>site")],
	"HTML": "<html><body>502</body></html>", "JSON": `{"TagDescriptions":[]}`, "an entity": `<!DOCTYPE x [<!ENTITY e "eeee">]>` + strings.ReplaceAll(honest["DescribeTags"], "site-b", "&e;"),
	"no ARN": tags(described(lb(west, "a"), tagged("site-a")), described("", tagged("site-b"))), "nested": strings.Repeat("<a>", 20_000),
	"an ARN within elements": tags(described(lb(west, "a"), tagged("site-a")), described("<x>"+lb(west, "b")+"</x>", tagged("site-b"))),
}

var oddBodies []string

func init() {
	for _, all := range []map[string]string{odd, oddTags} {
		for _, body := range all {
			if len(body) < 4096 {
				oddBodies = append(oddBodies, body)
			}
		}
	}
}

// TestOddAnswers: what cannot be an answer may pass, says so, and no write
// follows it.
func TestOddAnswers(t *testing.T) {
	for call, all := range map[string]map[string]string{
		"ListEndpointGroups": odd, "DescribeTags": oddTags,
		"ListListeners": {"nothing": ``, "empty": `{}`, "null": `{"Listeners":null}`, "a null listener": `{"Listeners":[null]}`, "no ARN": `{"Listeners":[{"Protocol":"TCP"}]}`,
			"an empty ARN": `{"Listeners":[{"ListenerArn":""}]}`, "a text": `{"Listeners":"x"}`, "the same page for ever": `{"NextToken":"x","Listeners":[{"ListenerArn":"listener/1"}]}`},
	} {
		for name, body := range all {
			t.Run(call+", "+name, func(t *testing.T) {
				l := &line{call: call, odd: reply{200, "application/x-amz-json-1.1", []byte(body)}}
				_, err := l.try(t)
				if !isA[*contract.Transient](err) || reasonOf(err) != contract.Unavailable {
					t.Errorf("got %v, want Transient unavailable", err)
				}
				if len(l.writes) > 0 {
					t.Errorf("written: %+v", l.writes)
				}
				if l.calls[call] > 2*(100+1) { // one read by itself, one before a write, of two listeners
					t.Errorf("%d calls of %s", l.calls[call], call)
				}
			})
		}
	}
}

// TestHonestAnswers: the same without a stranger is believed and written, so
// that the tests above can fail.
func TestHonestAnswers(t *testing.T) {
	l := &line{}
	state, err := l.try(t)
	if err != nil || !state.Present(siteB) || !state.InService(siteA) || len(l.writes) != 1 {
		t.Errorf("got %+v, %v and %d writes", state, err, len(l.writes))
	}
	empty := &line{call: "ListEndpointGroups", odd: reply{200, "", []byte(groups("listener/2", ""))}}
	if state, err := empty.try(t); err != nil || len(state.Listeners[1].Groups) != 1 {
		t.Errorf("a group without endpoints: %+v, %v", state, err)
	}
}
