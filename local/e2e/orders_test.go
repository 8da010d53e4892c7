package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	alerts "github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/infinispan"
)

// drill is alert with the drill's mark.
func (s *scene) drill(reporter, site string) alert {
	a := s.alert(reporter, site)
	a.Labels[alerts.DrillLabel] = "true"
	return a
}

// TestDrill: the whole chain runs in a healthy pair, and nothing is changed.
func TestDrill(t *testing.T) {
	s := lease(t)
	s.post(s.drill(siteA, siteB))
	e := s.wantEnd("Rehearsed", "split")
	s.wantUntouched()
	if !slices.Equal(s.present(), []string{siteA, siteB}) || s.backup(siteA, siteB) != infinispan.Online {
		t.Errorf("the accelerator holds %v, replication is %s", s.present(), s.backup(siteA, siteB))
	}
	for _, site := range s.d.Sites {
		s.must(s.world.Write(s.ctx, site, "key", "value")) // over the link
	}
	var out struct {
		PassedOver  []string
		Update      contract.Update
		Replication contract.Offline
	}
	s.must(json.Unmarshal([]byte(e.Output), &out))
	if len(out.Update.Planned) != 1 || out.Update.Planned[0].Endpoint != s.d.Balancers[siteB] || len(out.Replication.Notes) == 0 ||
		!slices.Contains(out.PassedOver, "site-visible") {
		t.Errorf("the rehearsal does not say what would have been done: %s", e.Output)
	}
	// And the real thing after it.
	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB))
	s.guardsEnded(2)
	s.want(s.fencesEnded(2)[0], "Fenced", "split")
	s.wantFenced(siteA, siteB)
}

// TestDrillBesideAlert: both in one webhook; the real one fences.
func TestDrillBesideAlert(t *testing.T) {
	for name, order := range map[string]func(s *scene) []alert{
		"drill first": func(s *scene) []alert { return []alert{s.drill(siteA, siteB), s.alert(siteA, siteB)} },
		"alert first": func(s *scene) []alert { return []alert{s.alert(siteA, siteB), s.drill(siteA, siteB)} },
	} {
		t.Run(name, func(t *testing.T) {
			s := lease(t)
			s.must(s.world.CutLink(s.ctx))
			s.post(order(s)...)
			s.guardsEnded(2)
			var ends []string
			for _, f := range s.fencesEnded(1) {
				ends = append(ends, f.Outcome())
			}
			slices.Sort(ends)
			// A drill that comes after the fence finds nothing left to rehearse.
			if count(ends, "Fenced") != 1 || count(ends, "Fenced")+count(ends, "Rehearsed")+count(ends, "Ignored") != len(ends) {
				t.Errorf("the fences ended %v, want one Fenced", ends)
			}
			s.wantFenced(siteA, siteB)
		})
	}
}

func count(all []string, what string) int {
	n := 0
	for _, s := range all {
		if s == what {
			n++
		}
	}
	return n
}

// pause writes the deployment's parameter as the command does.
func (s *scene) pause(value string) {
	s.t.Helper()
	_, err := ssm.NewFromConfig(deployed.AWS).PutParameter(s.ctx, &ssm.PutParameterInput{
		Name: aws.String(s.pauseParameter()), Value: &value, Overwrite: aws.Bool(true)})
	s.must(err)
}

func (s *scene) pauseParameter() string {
	for key, name := range deployed.Outputs {
		if strings.EqualFold(key, "PauseParameter"+strings.ReplaceAll(s.d.Name, "-", "")) {
			return name
		}
	}
	s.t.Fatalf("no output names the pause parameter of %s", s.d.Name)
	return ""
}

func paused() string {
	now := time.Now().UTC()
	data, _ := json.Marshal(contract.Pause{Reason: "maintenance", By: "alice", Since: now, Until: now.Add(time.Hour)})
	return string(data)
}

// TestPause: an alert ends Paused and says why; the next repeat after it fences.
func TestPause(t *testing.T) {
	s := lease(t)
	t.Cleanup(func() { s.pause("{}") })
	s.must(s.world.CutLink(s.ctx))
	s.pause(paused())
	a := s.alert(siteA, siteB)
	s.post(a)
	e := s.wantEnd("Paused", "paused")
	if !strings.Contains(e.Output, "maintenance") || !strings.Contains(e.Output, "alice") {
		t.Errorf("the output does not say who paused and why: %s", e.Output)
	}
	s.wantUntouched()
	s.pause("{}")
	s.post(a)
	s.guardsEnded(2)
	s.want(s.fencesEnded(1)[0], "Fenced", "split")
	s.wantFenced(siteA, siteB)
}

// TestBrokenPause: what is no pause holds back nothing.
func TestBrokenPause(t *testing.T) {
	s := lease(t)
	t.Cleanup(func() { s.pause("{}") })
	s.must(s.world.CutLink(s.ctx))
	s.pause("paused until tomorrow")
	s.post(s.alert(siteA, siteB))
	s.wantEnd("Fenced", "split")
	s.wantFenced(siteA, siteB)
	log, err := logText(s.ctx, s.d.Name+"-checkhealth-", s.began.UnixMilli())
	s.must(err)
	if !strings.Contains(log, "BrokenPauses") {
		t.Errorf("nobody is told that the switch is broken: %s", log)
	}
}

// forced is a planned failover as the command orders it.
func (s *scene) forced(reporter, site string) contract.Event {
	e := s.d.Event(reporter, site)
	e.ReceivedAt = time.Now().UTC()
	e.Forced, e.Order = true, &contract.Order{By: "alice", Reason: "maintenance"}
	return e
}

// TestForced: by IAM, a healthy pair is fenced, though it is paused.
func TestForced(t *testing.T) {
	s := lease(t)
	t.Cleanup(func() { s.pause("{}") })
	s.pause(paused())
	_, err := deployed.StartExecution(s.ctx, s.d.Guard, "", s.forced(siteA, siteB))
	s.must(err)
	s.wantEnd("Fenced", "split")
	s.wantFenced(siteA, siteB)
}

// TestOrdersAreNotTakenFromTheBus: the rule passes no event with an order in it.
// Beside them is one that it passes, so that it is known when they have come.
func TestOrdersAreNotTakenFromTheBus(t *testing.T) {
	s := lease(t)
	rejoin := s.forced(siteA, siteB)
	rejoin.Forced, rejoin.Operation, rejoin.Endpoints = false, contract.OperationRejoin, []contract.Endpoint{{Endpoint: s.d.Balancers[siteB]}}
	asked := s.event(siteA, siteB)
	asked.Order = &contract.Order{By: "alice"}
	var entries []ebtypes.PutEventsRequestEntry
	put := func(detail string) {
		entries = append(entries, ebtypes.PutEventsRequestEntry{EventBusName: aws.String(deployed.Outputs["BusName"]), Source: aws.String(contract.Source),
			DetailType: aws.String(contract.DetailTypeSiteOffline), Detail: &detail})
	}
	for _, e := range []contract.Event{s.forced(siteA, siteB), rejoin, asked, s.event(siteA, siteB)} {
		detail, err := json.Marshal(e)
		s.must(err)
		put(string(detail))
		if e.Forced {
			put(strings.Replace(string(detail), `"forced":true`, `"forced":null`, 1))
			put(strings.Replace(string(detail), `"forced":true`, `"forced":false`, 1))
		}
	}
	out, err := eventbridge.NewFromConfig(deployed.AWS).PutEvents(s.ctx, &eventbridge.PutEventsInput{Entries: entries})
	s.must(err)
	if out.FailedEntryCount != 0 {
		t.Fatalf("%d events were not put", out.FailedEntryCount)
	}
	s.want(s.guardsEnded(1)[0], "Ignored", "site-visible")
	if guards := s.guardsEnded(1); len(guards) != 1 {
		t.Errorf("%d guards, want that of the report alone", len(guards))
	}
	// In other letters the rule does not see it, and the function refuses it.
	detail, err := json.Marshal(s.forced(siteA, siteB))
	s.must(err)
	_, err = deployed.StartExecution(s.ctx, s.d.Guard, "", json.RawMessage(strings.Replace(string(detail), `"forced"`, `"Forced"`, 1)))
	s.must(err)
	s.want(s.guardsEnded(2)[0], "Misconfigured", "bad-input")
	s.wantUntouched()
}

// TestTieBreak: both sites report a true split at the same moment, twelve times
// over. The preferred one survives each time; alone the other still wins.
func TestTieBreak(t *testing.T) {
	t.Parallel()
	for round := range 12 {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			s := enter(t, preferring)
			s.must(s.world.CutLink(s.ctx))
			s.together(func() { s.post(s.alert(siteA, siteB)) }, func() { s.post(s.alert(siteB, siteA)) })
			guards := s.guardsEnded(2)
			fence := s.winner()
			var out struct{ Survivor, Site string }
			s.must(json.Unmarshal([]byte(fence.Output), &out))
			if out.Survivor != siteB {
				t.Errorf("%s survived, want the preferred %s", out.Survivor, siteB)
			}
			s.wantFenced(siteB, siteA)
			s.loserSaysWhy(guards, siteA)
		})
	}
	t.Run("alone", func(t *testing.T) {
		s := enter(t, preferring)
		s.must(s.world.CutLink(s.ctx))
		s.post(s.alert(siteA, siteB))
		s.wantEnd("Fenced", "split")
		s.wantFenced(siteA, siteB)
		steps, err := deployed.Trace(s.ctx, s.guardsEnded(1)[0].ARN)
		s.must(err)
		if count(names(steps), "YieldToPreferred") != 1 {
			t.Errorf("the guard did not wait for the preferred site, once: %v", names(steps))
		}
	})
}

// readPause is a step of TestEveryPermissionIsNeeded: a pause is honoured.
func readPause(s *scene, name string, p permission) string {
	defer s.pause("{}")
	s.pause(paused())
	since := time.Now().UnixMilli()
	in, err := json.Marshal(contract.CheckInput{Event: s.event(sitesOf(s, p))})
	s.must(err)
	out, err := plain(s.ctx, "lambda", "POST", "/2015-03-31/functions/"+name+"/invocations", string(in))
	s.must(err)
	var check contract.Check
	s.must(json.Unmarshal(out, &check))
	if check.Reason == contract.Paused {
		return ""
	}
	log, err := logText(s.ctx, "-checkhealth-", since)
	s.must(err)
	return lineWith(log, "the pause parameter is broken")
}
