package doctor_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/doctor"
	"github.com/sitefence/sitefence/internal/release"
	"github.com/sitefence/sitefence/internal/secret"
)

const (
	dns  = "a1.awsglobalaccelerator.com"
	dual = "a1.dualstack.awsglobalaccelerator.com"
)

func site(name, other contract.Site) contract.SiteState {
	return contract.SiteState{
		Name: name, Standing: contract.SiteEvidence{Endpoints: 1, Listeners: 1, InService: 1},
		Endpoints: []contract.Endpoint{}, Targets: &contract.Targets{Healthy: 3, Total: 3},
		Infinispan: &contract.ClusterState{Verified: true, Sees: []contract.Site{"site-a", "site-b"},
			Backups: map[contract.Site]string{other: "online"},
			Caches:  map[string]map[contract.Site]string{"sessions": {other: "online"}, "work": {other: "online"}}},
	}
}

// well is a stack of one deployment that nothing is wrong with.
func well() doctor.Facts {
	return doctor.Facts{
		User: "alertmanager", Secret: doctor.Answer[secret.Value]{Value: secret.Of("x")},
		Accepts: doctor.Answer[int]{Value: 204}, Refuses: doctor.Answer[int]{Value: 401},
		Topic: doctor.Answer[[]doctor.Subscription]{Value: []doctor.Subscription{{Protocol: "email", Endpoint: "ann@example.com"}}},
		Rules: doctor.Answer[[]doctor.BusRule]{Value: []doctor.BusRule{{Name: "kc-site-offline", Enabled: true}, {Name: "site-fenced", Enabled: true}}},
		Releases: doctor.Answer[map[string]string]{Value: map[string]string{
			"kc-guard": release.Version, "kc-fence": release.Version, "checkhealth": release.Version}},
		Deployments: []doctor.Deployment{{
			Name:    "kc",
			Running: map[string]doctor.Answer[[]string]{"guard": {}, "fence": {}, "restore": {}},
			Inspection: doctor.Answer[contract.Inspection]{Value: contract.Inspection{
				Version: "1", Deployment: "kc", Release: release.Version, WebhookUser: "alertmanager",
				Accelerator: contract.AcceleratorState{ARN: "arn:acc", DNSNames: []string{dns, dual}, Configured: []string{dns, dual},
					Status: "DEPLOYED", Enabled: true, Listeners: 1},
				Sites: []contract.SiteState{site("site-a", "site-b"), site("site-b", "site-a")},
			}},
		}},
	}
}

// file is the configuration that well deployed.
func file() *config.Config {
	return &config.Config{Webhook: config.Webhook{User: "alertmanager"}, Deployments: []config.Deployment{{
		Name: "kc", Accelerator: config.Accelerator{ARN: "arn:acc", DNSNames: []string{dual, dns}},
		Sites: []config.Site{{Name: "site-a", Infinispan: &config.Infinispan{}}, {Name: "site-b", Infinispan: &config.Infinispan{}}}}}}
}

func misconfigured(r contract.Reason) *contract.Problem {
	return &contract.Problem{Type: "Misconfigured", Reason: r, Text: "the text"}
}

func transient(r contract.Reason) *contract.Problem {
	return &contract.Problem{Type: "Transient", Reason: r, Text: "the text"}
}

// denied is AWS's answer to somebody who may not.
var denied = contract.MisconfiguredF(contract.AccessDenied, "AccessDenied: not authorized")

// the rows of a well stack, in order.
var allRows = []string{
	"webhook-secret", "ingest-accepts", "ingest-refuses", "topic-subscribed", "notices-enabled", "release",
	"kc rule-enabled", "kc idle", "kc pause", "kc accelerator", "kc accelerator-names", "kc endpoints-attributed",
	"kc/site-a serving", "kc/site-a targets", "kc/site-a fence-state",
	"kc/site-a infinispan-secret", "kc/site-a infinispan-reachable", "kc/site-a infinispan-local-site",
	"kc/site-a infinispan-admin", "kc/site-a infinispan-link", "kc/site-a infinispan-replication",
	"kc/site-b serving", "kc/site-b targets", "kc/site-b fence-state",
	"kc/site-b infinispan-secret", "kc/site-b infinispan-reachable", "kc/site-b infinispan-local-site",
	"kc/site-b infinispan-admin", "kc/site-b infinispan-link", "kc/site-b infinispan-replication",
}

func place(r doctor.Row) string {
	where := strings.TrimSuffix(r.Deployment+"/"+string(r.Site), "/")
	return strings.TrimSpace(where + " " + string(r.Check))
}

func TestWell(t *testing.T) {
	var got []string
	for _, r := range doctor.Examine(well()) {
		if r.Status != doctor.OK || r.Do != "" || r.Found == "" {
			t.Errorf("%s: %+v", place(r), r)
		}
		got = append(got, place(r))
	}
	if diff := cmp.Diff(allRows, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// world is what a case spoils.
type world struct {
	*doctor.Facts
	in   *contract.Inspection
	a, b *contract.SiteState
}

// cases spoil a well stack in one way. want are the rows that are not ok, each
// with its status; gone are the rows that are missing then.
var cases = map[string]struct {
	spoil func(w world)
	want  map[string]string
	gone  []string
	found string // somewhere in the rows that are not ok
}{
	"nothing": {func(world) {}, nil, nil, ""},

	"secret missing": {func(w world) {
		w.Secret.Err, w.Accepts = contract.MisconfiguredF(contract.NotFound, "no such secret"), doctor.Answer[int]{}
	}, map[string]string{"webhook-secret": "failed", "ingest-accepts": "warning"}, nil, "no such secret"},
	"secret not for me": {func(w world) { w.Secret.Err, w.Accepts = denied, doctor.Answer[int]{} },
		map[string]string{"webhook-secret": "warning", "ingest-accepts": "warning"}, nil, "secretsmanager:GetSecretValue"},
	"secret unusable": {func(w world) { w.Secret.Err = contract.MisconfiguredF(contract.SecretUnusable, "is empty") },
		map[string]string{"webhook-secret": "failed", "ingest-accepts": "warning"}, nil, "is empty"},
	"secrets manager down": {func(w world) { w.Secret.Err = contract.TransientF(contract.Unavailable, "503") },
		map[string]string{"webhook-secret": "warning", "ingest-accepts": "warning"}, nil, "try again"},
	"user unknown":    {func(w world) { w.User = "" }, map[string]string{"ingest-accepts": "warning"}, nil, "--config"},
	"ingest refuses":  {func(w world) { w.Accepts.Value = 401 }, map[string]string{"ingest-accepts": "failed"}, nil, `"alertmanager"`},
	"ingest 503":      {func(w world) { w.Accepts.Value = 503 }, map[string]string{"ingest-accepts": "failed"}, nil, "503"},
	"ingest silent":   {func(w world) { w.Accepts.Err = errors.New("no route") }, map[string]string{"ingest-accepts": "failed"}, nil, "no route"},
	"ingest open":     {func(w world) { w.Refuses.Value = 204 }, map[string]string{"ingest-refuses": "failed"}, nil, "204"},
	"ingest unasked":  {func(w world) { w.Refuses.Err = errors.New("no route") }, map[string]string{"ingest-refuses": "failed"}, nil, "no route"},
	"no subscription": {func(w world) { w.Topic.Value = nil }, map[string]string{"topic-subscribed": "failed"}, nil, "no subscription"},
	"only pending": {func(w world) { w.Topic.Value[0].Pending = true },
		map[string]string{"topic-subscribed": "failed"}, nil, "email ann@example.com"},
	"one pending": {func(w world) {
		w.Topic.Value = append(w.Topic.Value, doctor.Subscription{Protocol: "sms", Endpoint: "1", Pending: true})
	}, map[string]string{"topic-subscribed": "warning"}, nil, "sms 1"},
	"topic not for me": {func(w world) { w.Topic.Err = denied }, map[string]string{"topic-subscribed": "warning"}, nil, "sns:ListSubscriptionsByTopic"},
	"rules not for me": {func(w world) { w.Rules.Err = denied },
		map[string]string{"kc rule-enabled": "warning", "notices-enabled": "warning"}, nil, "events:ListRules"},
	"rule disabled":   {func(w world) { w.Rules.Value[0].Enabled = false }, map[string]string{"kc rule-enabled": "failed"}, nil, "disabled"},
	"rule missing":    {func(w world) { w.Rules.Value[0].Name = "other-site-offline" }, map[string]string{"kc rule-enabled": "failed"}, nil, "no rule kc-site-offline"},
	"notice disabled": {func(w world) { w.Rules.Value[1].Enabled = false }, map[string]string{"notices-enabled": "failed"}, nil, "site-fenced"},
	"notices missing": {func(w world) { w.Rules.Value = w.Rules.Value[:1] }, map[string]string{"notices-enabled": "failed"}, nil, "no rule that tells"},
	"older stack":     {func(w world) { older(w, "kc-guard", "kc-fence", "checkhealth"); w.in.Release = "0.0.9" }, map[string]string{"release": "warning"}, nil, "everything deployed is of release 0.0.9"},
	"half deployed":   {func(w world) { older(w, "kc-guard") }, map[string]string{"release": "failed"}, nil, "of release 0.0.9: kc-guard"},
	"older code":      {func(w world) { w.in.Release = "0.0.9" }, map[string]string{"release": "failed"}, nil, "Inspect function's code of kc"},
	"untagged":        {func(w world) { w.Releases.Value["kc-guard"] = "" }, map[string]string{"release": "failed"}, nil, "of release unknown: kc-guard"},
	"tags not for me": {func(w world) { w.Releases.Err = denied }, map[string]string{"release": "warning"}, nil, "lambda:ListTags"},
	"a guard runs":    {func(w world) { w.Deployments[0].Running["guard"] = doctor.Answer[[]string]{Value: []string{"e1"}} }, map[string]string{"kc idle": "warning"}, nil, "guard e1"},
	"a restore runs": {func(w world) {
		w.Deployments[0].Running["restore"] = doctor.Answer[[]string]{Value: []string{"restore-1-1"}}
	}, map[string]string{"kc idle": "warning"}, nil, "restore restore-1-1"},
	"runs not for me": {func(w world) { w.Deployments[0].Running["fence"] = doctor.Answer[[]string]{Err: denied} }, map[string]string{"kc idle": "warning"}, nil, "states:ListExecutions on the fence machine"},
	"paused": {func(w world) {
		w.in.Pause = &contract.Pause{Reason: "patching", By: "ann", Until: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)}
	}, map[string]string{"kc pause": "warning"}, nil, "paused by ann until 2026-01-02 03:04 UTC: patching"},
	"pause broken":   {func(w world) { w.in.PauseProblem = "bad-input: until" }, map[string]string{"kc pause": "warning"}, nil, "nothing is paused: bad-input: until"},
	"the file is it": {func(w world) { w.Config = file() }, nil, nil, ""},
	"file differs": {func(w world) {
		w.Config = file()
		w.Config.Deployments[0].Sites[1].Infinispan = nil
		w.Config.Deployments[0].Accelerator.DNSNames = []string{dns}
	}, map[string]string{"kc configuration": "warning"}, nil, "accelerator.dnsNames, sites differ"},
	"file of others":   {func(w world) { w.Config = file(); w.Config.Deployments[0].Name = "shop" }, map[string]string{"kc configuration": "warning"}, nil, "no deployment kc"},
	"accelerator gone": {func(w world) { w.in.Accelerator.Problem = misconfigured(contract.NotFound) }, map[string]string{"kc accelerator": "failed"}, offAccelerator, "not-found: the text"},
	"accelerator off":  {func(w world) { w.in.Accelerator.Enabled = false }, map[string]string{"kc accelerator": "failed"}, nil, "disabled"},
	"in progress":      {func(w world) { w.in.Accelerator.Status = "IN_PROGRESS" }, map[string]string{"kc accelerator": "warning"}, nil, "IN_PROGRESS"},
	"other names":      {func(w world) { w.in.Accelerator.Configured = []string{"b2.awsglobalaccelerator.com"} }, map[string]string{"kc accelerator-names": "failed"}, nil, "b2.awsglobalaccelerator.com"},
	"a foreign name":   {func(w world) { w.in.Accelerator.Configured = []string{dns, "b2.awsglobalaccelerator.com"} }, map[string]string{"kc accelerator-names": "failed"}, nil, "not called b2"},
	"a name missing":   {func(w world) { w.in.Accelerator.Configured = []string{dns} }, map[string]string{"kc accelerator-names": "warning"}, nil, dual},
	"unattributed":     {func(w world) { w.in.Accelerator.Unattributed = []string{"arn:lb"} }, map[string]string{"kc endpoints-attributed": "failed"}, nil, "arn:lb"},

	"no weight": {func(w world) { w.b.Standing.InService = 0 }, map[string]string{"kc/site-b serving": "failed"}, nil, "in service in no listener"},
	"unhealthy": {func(w world) { w.b.Standing.Unhealthy = true }, map[string]string{"kc/site-b serving": "failed"}, nil, "UNHEALTHY"},
	"in one listener of two": {func(w world) {
		w.in.Accelerator.Listeners, w.a.Standing.Listeners, w.a.Standing.InService = 2, 2, 2
	}, map[string]string{"kc/site-b serving": "warning", "kc/site-b fence-state": "failed"}, nil, "half-fenced: in 1 of 2 listeners"},
	"no target healthy": {func(w world) { w.b.Targets.Healthy = 0 }, map[string]string{"kc/site-b targets": "failed"}, nil, "none of 3 targets"},
	"a target sick":     {func(w world) { w.b.Targets.Healthy = 2 }, map[string]string{"kc/site-b targets": "warning"}, nil, "2 of 3"},
	"no target":         {func(w world) { *w.b.Targets = contract.Targets{} }, map[string]string{"kc/site-b targets": "warning"}, nil, "no target"},
	"targets unknown":   {func(w world) { w.b.Targets, w.b.TargetsProblem = nil, misconfigured(contract.AccessDenied) }, map[string]string{"kc/site-b targets": "warning"}, nil, "the text"},

	"fenced": {func(w world) {
		w.b.Standing, w.b.Targets = contract.SiteEvidence{}, nil
		offline(w.a)
	}, map[string]string{"kc/site-b serving": "failed", "kc/site-b fence-state": "failed", "kc/site-a infinispan-replication": "failed"},
		[]string{"kc/site-b targets"}, "fenced: there is no redundancy"},
	"half-fenced": {func(w world) { w.b.Standing, w.b.Targets = contract.SiteEvidence{}, nil },
		map[string]string{"kc/site-b serving": "failed", "kc/site-b fence-state": "failed"}, []string{"kc/site-b targets"}, "site-a still replicates to it"},
	"half-fenced, one cache": {func(w world) {
		w.b.Standing, w.b.Targets = contract.SiteEvidence{}, nil
		w.a.Infinispan.Backups["site-b"], w.a.Infinispan.Caches["work"]["site-b"] = "mixed", "offline"
	}, map[string]string{"kc/site-b serving": "failed", "kc/site-b fence-state": "failed", "kc/site-a infinispan-replication": "failed"},
		[]string{"kc/site-b targets"}, "site-a still replicates to it"},
	"back too soon": {func(w world) { offline(w.a) },
		map[string]string{"kc/site-b fence-state": "failed", "kc/site-a infinispan-replication": "failed"}, nil, "site-a does not replicate to it"},
	"without infinispan": {func(w world) { w.a.Infinispan, w.b.Infinispan = nil, nil }, nil, ofInfinispan("site-a", "site-b"), ""},
	"fenced without infinispan": {func(w world) {
		w.a.Infinispan, w.b.Infinispan, w.b.Standing = nil, nil, contract.SiteEvidence{}
	}, map[string]string{"kc/site-b serving": "failed", "kc/site-b fence-state": "failed"}, ofInfinispan("site-a", "site-b"), "fenced: there is no redundancy"},

	"site's secret missing": {func(w world) { everywhere(w.b, misconfigured(contract.NotFound)) },
		map[string]string{"kc/site-b infinispan-secret": "failed"}, ofInfinispan("site-b")[1:], "not-found"},
	"another CA": {func(w world) { everywhere(w.b, misconfigured(contract.UntrustedCert)) },
		map[string]string{"kc/site-b infinispan-reachable": "failed"}, ofInfinispan("site-b")[2:], "caFile"},
	"site down": {func(w world) { everywhere(w.b, transient(contract.ReporterUnreachable)) },
		map[string]string{"kc/site-b infinispan-reachable": "failed"}, ofInfinispan("site-b")[2:], "reporter-unreachable"},
	"unverified": {func(w world) { w.b.Infinispan.Verified = false },
		map[string]string{"kc/site-b infinispan-reachable": "warning"}, nil, "nobody verifies"},
	"another site answers": {func(w world) { w.b.Infinispan.Problem = misconfigured(contract.WrongSite) },
		map[string]string{"kc/site-b infinispan-local-site": "failed"}, []string{"kc/site-b infinispan-link"}, "wrong-site"},
	"no view": {func(w world) { w.b.Infinispan.Problem = transient(contract.ReporterUnreachable) },
		map[string]string{"kc/site-b infinispan-local-site": "failed"}, []string{"kc/site-b infinispan-link"}, "maxRelayNodes"},
	"wrong password": {func(w world) { everywhere(w.b, misconfigured(contract.BadCredentials)) },
		map[string]string{"kc/site-b infinispan-admin": "failed"},
		[]string{"kc/site-b infinispan-link", "kc/site-b infinispan-local-site", "kc/site-b infinispan-replication"}, "bad-credentials"},
	"no ADMIN": {func(w world) {
		w.b.Infinispan.BackupsProblem, w.b.Infinispan.CachesProblem = misconfigured(contract.Forbidden), misconfigured(contract.Forbidden)
	}, map[string]string{"kc/site-b infinispan-admin": "failed"},
		[]string{"kc/site-b infinispan-link", "kc/site-b infinispan-replication"}, "ADMIN permission"},
	"caches unreadable": {func(w world) { w.b.Infinispan.CachesProblem = transient(contract.ReporterUnreachable) },
		map[string]string{"kc/site-b infinispan-replication": "failed"},
		[]string{"kc/site-b infinispan-admin", "kc/site-b infinispan-link"}, "the text"},
	"link down": {func(w world) { w.a.Infinispan.Sees = []contract.Site{"site-a"} },
		map[string]string{"kc/site-a infinispan-link": "failed"}, nil, "does not see site-b"},
	"no cache is backed up": {func(w world) { w.b.Infinispan.Caches = nil },
		map[string]string{"kc/site-b infinispan-replication": "failed"}, nil, "no cache has a backup"},
	"backed up to nobody known": {func(w world) { w.b.Infinispan.Caches["work"] = map[contract.Site]string{"site-c": "online"} },
		map[string]string{"kc/site-b infinispan-replication": "failed"}, nil, "no backup of work to site-a"},
	"backed up to one too many": {func(w world) { w.b.Infinispan.Caches["work"]["site-c"] = "online" },
		map[string]string{"kc/site-b infinispan-replication": "warning"}, nil, "work to site-c"},
	"inspect silent": {func(w world) { w.Deployments[0].Inspection.Err = errors.New("no such function") },
		map[string]string{"kc inspected": "failed"}, slices.DeleteFunc(slices.Clone(allRows), func(r string) bool {
			return !strings.HasPrefix(r, "kc") || r == "kc rule-enabled" || r == "kc idle"
		}), "no such function"},
}

var offAccelerator = []string{"kc accelerator-names", "kc endpoints-attributed",
	"kc/site-a fence-state", "kc/site-a serving", "kc/site-a targets", "kc/site-b fence-state", "kc/site-b serving", "kc/site-b targets"}

// ofInfinispan are the rows of the sites' clusters, in the order of the table.
func ofInfinispan(sites ...string) (rows []string) {
	for _, s := range sites {
		for _, r := range allRows {
			if strings.HasPrefix(r, "kc/"+s+" infinispan-") {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

func older(w world, names ...string) {
	for _, n := range names {
		w.Releases.Value[n] = "0.0.9"
	}
}

// offline stops replication from a site to the other.
func offline(s *contract.SiteState) {
	s.Infinispan.Backups["site-b"] = "offline"
	for _, status := range s.Infinispan.Caches {
		status["site-b"] = "offline"
	}
}

func everywhere(s *contract.SiteState, p *contract.Problem) {
	s.Infinispan.Problem, s.Infinispan.BackupsProblem, s.Infinispan.CachesProblem = p, p, p
	s.Infinispan.Sees, s.Infinispan.Backups, s.Infinispan.Caches = nil, nil, nil
}

func TestRows(t *testing.T) {
	seen := map[doctor.Check]bool{}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := well()
			in := &f.Deployments[0].Inspection.Value
			tc.spoil(world{&f, in, &in.Sites[0], &in.Sites[1]})
			rows := doctor.Examine(f)
			got, there, text := map[string]string{}, map[string]bool{}, ""
			worst := doctor.OK
			for _, r := range rows {
				if there[place(r)] {
					t.Errorf("%s twice", place(r))
				}
				there[place(r)] = true
				if r.Status == doctor.OK {
					continue
				}
				seen[r.Check] = true
				got[place(r)] = string(r.Status)
				text += fmt.Sprintf("%s; %s\n", r.Found, r.Do)
				if r.Do == "" || strings.HasSuffix(r.Do, ".") {
					t.Errorf("%s: nothing to do, or a full stop: %q", place(r), r.Do)
				}
				if worst != doctor.Failed {
					worst = r.Status
				}
			}
			want := tc.want
			if want == nil {
				want = map[string]string{}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("rows that are not ok (-want +got):\n%s", diff)
			}
			if !strings.Contains(text, tc.found) {
				t.Errorf("no %q in\n%s", tc.found, text)
			}
			var gone []string
			for _, r := range allRows {
				if !there[r] {
					gone = append(gone, r)
				}
			}
			slices.Sort(gone)
			if diff := cmp.Diff(slices.Sorted(slices.Values(tc.gone)), gone); diff != "" {
				t.Errorf("rows that are missing (-want +got):\n%s", diff)
			}
			report := doctor.NewReport("sitefence", time.Now(), rows)
			codes := map[doctor.Status]int{doctor.OK: 0, doctor.Warning: 1, doctor.Failed: 2}
			for _, s := range got {
				if s == "failed" {
					worst = doctor.Failed
				}
			}
			if report.Status != worst || report.ExitCode() != codes[worst] {
				t.Errorf("report %s, exit code %d, want %s", report.Status, report.ExitCode(), worst)
			}
		})
	}
	// Every row can go wrong, and some case shows it.
	for _, r := range allRows {
		_, check, found := strings.Cut(r, " ")
		if !found {
			check = r
		}
		if !seen[doctor.Check(check)] {
			t.Errorf("no case for %s; seen %v", r, slices.Sorted(maps.Keys(seen)))
		}
	}
}
