package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
)

func TestFenceByOrder(t *testing.T) {
	a := newOperated(t)
	var order contract.Event
	a.onStart = func(r awsfake.Run) []awsfake.Run {
		if r.Machine != guardARN || json.Unmarshal([]byte(r.Input), &order) != nil {
			t.Fatalf("started %+v", r)
		}
		if _, fence := contract.ParseGeneration(r.Name); fence {
			t.Errorf("the guard execution is named %s, as a fence", r.Name)
		}
		fence := ended(fenceARN, "fence-8", "Fenced", order, map[string]any{"reason": "split",
			"record": []contract.Endpoint{{Endpoint: "the-balancer", Weight: 77}}, "replication": contract.Offline{Version: "1", Backup: "offline"}})
		return []awsfake.Run{ended(guardARN, r.Name, "FenceStarted", order, map[string]any{"fence": fence.ARN()}), fence}
	}
	out, _, err := a.command("fence", "--site", "site-b", "--reason", "kernel updates", "--yes-i-mean", "keycloak")
	if err != nil {
		t.Fatal(err)
	}
	if err := order.Validate(); err != nil || !order.Forced || order.DryRun || order.Reporter != "site-a" || order.Site != "site-b" ||
		order.Order.By != "alice" || order.Order.Reason != "kernel updates" || order.Accelerator != "x.awsglobalaccelerator.com" {
		t.Errorf("ordered %+v, %v", order, err)
	}
	has(t, out, "SITE", "in service", "site-b is fenced (fence-8", "site-a goes on alone", "the-balancer (weight 77)", "site-a to site-b: offline", "sitefence restore --site site-b")

	out, _, err = a.command("fence", "--site", "site-b", "--reason", "x", "--yes-i-mean", "keycloak", "--output", "json")
	var answer fenceAnswer
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil || answer.Outcome != "fenced" || answer.Fence != "fence-8" || len(answer.Removed) != 1 {
		t.Errorf("%s, %v", out, err)
	}
}

func TestFenceThatIsNot(t *testing.T) {
	a := newOperated(t)
	a.onStart = func(r awsfake.Run) []awsfake.Run {
		r.Status, r.Error, r.Cause = "FAILED", "Undecided", "Nothing was changed: reporter-unhealthy"
		return []awsfake.Run{r}
	}
	_, _, err := a.command("fence", "--site", "site-b", "--reason", "x", "--yes-i-mean", "keycloak")
	if err == nil || !strings.Contains(err.Error(), "reporter-unhealthy") {
		t.Errorf("%v", err)
	}
}

func TestFenceRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		args   []string
		change func(*operated)
		usage  bool
		want   string
	}{
		"no site":              {args: []string{"--reason", "x"}, usage: true, want: "--site"},
		"no reason":            {args: []string{"--site", "site-b"}, usage: true, want: "--reason"},
		"nobody to ask":        {args: []string{"--site", "site-b", "--reason", "x"}, usage: true, want: "--yes-i-mean"},
		"another deployment":   {args: []string{"--site", "site-b", "--reason", "x", "--yes-i-mean", "keycloack"}, usage: true, want: "--yes-i-mean"},
		"unknown site":         {args: []string{"--site", "site-x", "--reason", "x", "--yes-i-mean", "keycloak"}, usage: true, want: `--site: got "site-x", want one of site-a, site-b`},
		"fenced already":       {args: []string{"--site", "site-b", "--reason", "x", "--yes-i-mean", "keycloak"}, change: func(a *operated) { a.inspect = fencedInspection() }, want: "fenced already"},
		"the last one":         {args: []string{"--site", "site-a", "--reason", "x", "--yes-i-mean", "keycloak"}, change: func(a *operated) { a.inspect = fencedInspection() }, want: "nobody would serve"},
		"nobody knows":         {args: []string{"--site", "site-b", "--reason", "x", "--yes-i-mean", "keycloak"}, change: func(a *operated) { a.inspect.Accelerator.Problem = &contract.Problem{Text: "throttled"} }, want: "throttled"},
		"of three, which one?": {args: []string{"--site", "site-b", "--reason", "x", "--yes-i-mean", "keycloak"}, change: func(a *operated) { a.inspect.Sites = append(a.inspect.Sites, contract.SiteState{Name: "site-c"}) }, usage: true, want: "--reporter"},
		"an earlier release's": {args: []string{"--site", "site-b", "--reason", "x", "--yes-i-mean", "keycloak"}, change: func(a *operated) { delete(a.outputs, "InspectFunctionNameKeycloak") }, want: "deploy"},
		"about another":        {args: []string{"--site", "site-b", "--reason", "x", "--yes-i-mean", "keycloak"}, change: func(a *operated) { a.inspect.Deployment = "other" }, want: "other"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newOperated(t)
			if tc.change != nil {
				tc.change(a)
			}
			_, _, err := a.command(append([]string{"fence"}, tc.args...)...)
			if _, usage := errors.AsType[usageError](err); err == nil || usage != tc.usage || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want an error with %q", err, tc.want)
			}
			if len(a.states.Runs()) > 0 {
				t.Error("something was started")
			}
		})
	}
}
