package accelerator_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/contract"
)

// groupsIn is the oracle for ListEndpointGroups: an answer's groups as the API
// reference describes them, or false for what cannot be one. Endpoints are
// rendered "id weight preserve unhealthy".
func groupsIn(body []byte) (map[string][]string, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var all map[string]any
	if d.Decode(&all) != nil {
		return nil, false
	}
	list, ok := all["EndpointGroups"].([]any)
	if more, _ := all["NextToken"].(string); !ok || more != "" {
		return nil, false // a token leads to this very answer again, without end
	}
	groups := map[string][]string{}
	for i, item := range list {
		g, _ := item.(map[string]any)
		arn, _ := g["EndpointGroupArn"].(string)
		endpoints, isList := g["EndpointDescriptions"].([]any)
		dial, ok := number(g["TrafficDialPercentage"], 100)
		if arn == "" || !isList || !ok || float32(dial) > 100 || dial < 0 {
			return nil, false
		}
		key := fmt.Sprint(i, " ", arn, " ", float32(dial))
		groups[key] = []string{}
		for _, item := range endpoints {
			e, _ := item.(map[string]any)
			id, _ := e["EndpointId"].(string)
			weight, ok := number(e["Weight"], 128)
			if whole := int64(weight); ok && weight == float64(whole) {
				weight = float64(int32(whole)) //nolint:gosec // the SDK cuts it so, unseen
			}
			if id == "" || !ok || weight < 0 || weight > 255 {
				return nil, false
			}
			groups[key] = append(groups[key], fmt.Sprint(id, " ", weight, " ", e["ClientIPPreservationEnabled"] == true, " ", e["HealthState"] == "UNHEALTHY"))
		}
	}
	return groups, true
}

func number(v any, otherwise float64) (float64, bool) {
	if v == nil {
		return otherwise, true
	}
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(n), 64)
	return f, err == nil
}

// render is a state's groups as the oracle renders them.
func render(l accelerator.Listener) map[string][]string {
	groups := map[string][]string{}
	for i, g := range l.Groups {
		key := fmt.Sprint(i, " ", g.ARN, " ", g.Dial)
		groups[key] = []string{}
		for _, e := range g.Endpoints {
			groups[key] = append(groups[key], fmt.Sprint(e.ID, " ", e.Weight, " ", e.ClientIPPreservation, " ", e.Unhealthy))
		}
	}
	return groups
}

// sitesIn is the oracle for DescribeTags: the value of the tag `site` of each of
// the two load balancers, or false unless the answer describes both, once.
func sitesIn(body []byte) (map[string][]string, bool) {
	sites := map[string][]string{}
	d := xml.NewDecoder(bytes.NewReader(body))
	var path []string
	var arn, key, value string
	var values []string
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, strings.ToLower(token.Name.Local))
		case xml.CharData:
			switch strings.Join(path[min(3, len(path)):], "/") {
			case "member/resourcearn":
				arn = string(token)
			case "member/tags/member/key":
				key = string(token)
			case "member/tags/member/value":
				value = string(token)
			}
		case xml.EndElement:
			switch strings.Join(path[min(3, len(path)):], "/") {
			case "member/tags/member":
				if key == "site" {
					values = append(values, value)
				}
				key, value = "", ""
			case "member":
				if _, twice := sites[arn]; twice || len(values) > 1 {
					return nil, false
				}
				sites[arn], values = values, nil
			}
			path = path[:len(path)-1]
		}
	}
	_, a := sites[lb(west, "a")]
	_, b := sites[lb(west, "b")]
	return sites, a && b && len(sites) == 2
}

// FuzzAnswers: of an answer of AWS exactly that is believed which it says; from
// one that cannot be an answer nothing follows, least of all a write.
func FuzzAnswers(f *testing.F) {
	for i, call := range calls {
		f.Add(uint8(i), uint16(200), "application/x-amz-json-1.1", []byte(honest[call]))
		for _, body := range oddBodies {
			f.Add(uint8(i), uint16(200), "application/x-amz-json-1.1", []byte(body))
		}
		for _, status := range []uint16{100, 204, 301, 400, 403, 413, 429, 500, 503, 999} {
			f.Add(uint8(i), status, "text/html", []byte(`{"__type":"AccessDeniedException","message":"\u001b[2J"}`))
			f.Add(uint8(i), status, "text/xml", []byte(`<ErrorResponse><Error><Code>LoadBalancerNotFound</Code><Message>x</Message></Error></ErrorResponse>`))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, status uint16, kind string, body []byte) {
		l := &line{call: calls[int(which)%len(calls)], odd: reply{int(status), kind, body}}
		state, err := l.try(t)
		if err != nil || l.call == "UpdateEndpointGroup" {
			return
		}
		good := status/100 == 2
		switch l.call {
		case "ListListeners":
			var list struct {
				Listeners []struct{ ListenerArn string }
			}
			d := json.NewDecoder(bytes.NewReader(body))
			if good = good && d.Decode(&list) == nil && list.Listeners != nil; good {
				good = len(state.Listeners) == len(list.Listeners)
			}
			for i := range min(len(list.Listeners), len(state.Listeners)) {
				good = good && state.Listeners[i].ARN == list.Listeners[i].ListenerArn && state.Listeners[i].ARN != ""
			}
		case "ListEndpointGroups":
			want, ok := groupsIn(body)
			if good = good && ok; good {
				if diff := cmp.Diff(want, render(state.Listeners[1])); diff != "" {
					t.Errorf("%s\n(-want +got):\n%s", body, diff)
				}
			}
		case "DescribeTags":
			good = l.checkOwners(t, state, good)
		}
		if !good {
			t.Errorf("%d %q was believed: %+v", status, body, state)
		}
	})
}

func (l *line) checkOwners(t *testing.T, s accelerator.State, answered bool) bool {
	t.Helper()
	sites, ok := sitesIn(l.odd.body)
	gone := !answered && bytes.Contains(l.odd.body, []byte("LoadBalancerNotFound")) && l.odd.status == 400
	for _, g := range s.Listeners[0].Groups {
		for _, e := range g.Endpoints {
			want := accelerator.Owner{Unattributed: true}
			if v := sites[e.ID]; len(v) == 1 && (v[0] == "site-a" || v[0] == "site-b") {
				want = accelerator.Owner{Site: contract.Site(v[0])}
			}
			if gone {
				want = accelerator.Owner{}
			}
			if e.Owner != want {
				t.Errorf("%q: %s is %+v, want %+v", l.odd.body, e.ID, e.Owner, want)
			}
		}
	}
	return answered && ok || gone
}
