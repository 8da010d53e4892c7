package alert_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/contract"
)

// labelled is a good alert with one more label, as JSON.
func labelled(name, value string) json.RawMessage {
	return json.RawMessage(strings.Replace(string(firing(nil)), `"labels":{`, `"labels":{"`+name+`":`+value+`,`, 1))
}

// TestDrill: the label makes a rehearsal of an alert by being there, and nothing
// else does.
func TestDrill(t *testing.T) {
	for name, tc := range map[string]struct {
		alert json.RawMessage
		want  bool
	}{
		"true":             {labelled("drill", `"true"`), true},
		"a name":           {labelled("drill", `"2026-11-24 by hand"`), true},
		"false":            {labelled("drill", `"false"`), true},
		"0":                {labelled("drill", `"0"`), true},
		"empty":            {labelled("drill", `""`), true},
		"null":             {labelled("drill", `null`), true},
		"escaped":          {labelled(`dr\u0069ll`, `"true"`), true},
		"twice":            {labelled("drill", `"","drill":"false"`), true},
		"in the first set": {json.RawMessage(strings.Replace(string(firing(nil)), `{`, `{"labels":{"drill":"x"},`, 1)), true},
		"none":             {firing(nil), false},
		"another case":     {labelled("Drill", `"true"`), false},
		"a longer name":    {labelled("drills", `"true"`), false},
		"as a value":       {labelled("x", `"drill"`), false},
		"no label":         {json.RawMessage(strings.Replace(string(firing(nil)), `{`, `{"drill":"true","annotations":{"drill":"true"},`, 1)), false},
	} {
		t.Run(name, func(t *testing.T) {
			events, refused, _ := alert.Select(decode(t, "group", tc.alert), deployments, now)
			if len(events) != 1 || len(refused) != 0 {
				t.Fatalf("got %v, refused %v", events, refused)
			}
			if events[0].DryRun != tc.want {
				t.Errorf("dryRun is %t, want %t", events[0].DryRun, tc.want)
			}
		})
	}
}

// TestDrillBesideAlert: a drill and a real alert about the same site make two
// events, whatever their order and their age.
func TestDrillBesideAlert(t *testing.T) {
	early := func(a json.RawMessage) json.RawMessage {
		return json.RawMessage(strings.Replace(string(a), "08:59:00", "08:00:00", 1))
	}
	drill, outage := labelled("drill", `"true"`), firing(nil)
	for name, alerts := range map[string][]json.RawMessage{
		"drill first":            {drill, outage},
		"alert first":            {outage, drill},
		"drill earlier":          {outage, early(drill)},
		"alert earlier":          {drill, early(outage)},
		"each of them repeated":  {drill, outage, outage, drill},
		"repeated, with an age":  {early(drill), early(outage), outage, drill},
		"drill false beside one": {labelled("drill", `"false"`), outage},
	} {
		t.Run(name, func(t *testing.T) {
			events, refused, _ := alert.Select(decode(t, "group", alerts...), deployments, now)
			dry := slices.IndexFunc(events, func(e contract.Event) bool { return e.DryRun })
			wet := slices.IndexFunc(events, func(e contract.Event) bool { return !e.DryRun })
			if len(events) != 2 || dry < 0 || wet < 0 || len(refused) != len(alerts)-2 {
				t.Errorf("got %+v, refused %v; want one drill and one alert", events, refused)
			}
		})
	}
}

// TestLabelsGiveNoOrders: whatever an alert's labels, annotations and fields say,
// it makes a fence of a real outage and nothing else.
func TestLabelsGiveNoOrders(t *testing.T) {
	for _, name := range []string{"forced", "operation", "order", "endpoints", "dryRun", "dry_run", "dryrun", "phase", "begun", "pause", "receivedAt"} {
		for _, value := range []string{`"true"`, `"rejoin"`, `""`, `"{\"by\":\"x\"}"`} {
			field := strings.Replace(string(firing(nil)), `{`, `{"`+name+`":`+value+`,"annotations":{"`+name+`":`+value+`},`, 1)
			for _, a := range []json.RawMessage{labelled(name, value), json.RawMessage(field)} {
				events, refused, _ := alert.Select(decode(t, "group", a), deployments, now)
				if len(events) != 1 {
					t.Fatalf("%s: refused %v", a, refused)
				}
				e := events[0]
				if e.DryRun || e.Forced || e.Operation != "" || e.Order != nil || e.Endpoints != nil {
					t.Errorf("%s made %+v", a, e)
				}
				if err := e.Validate(); err != nil {
					t.Errorf("%s: %v", a, err)
				}
			}
		}
	}
}
