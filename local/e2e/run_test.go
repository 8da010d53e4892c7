package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

var (
	balancers    atomic.Int64
	fingerprints atomic.Int64
)

// alert is one alert of a webhook, as Alertmanager writes it.
type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// alert says that reporter cannot see site.
func (s *scene) alert(reporter, site string) alert {
	return alert{
		Status: "firing", StartsAt: time.Now().UTC(), Annotations: map[string]string{"summary": "x"},
		Labels: map[string]string{"alertname": "SiteOffline", "severity": "critical", "accelerator": s.d.Accelerator.DNSName,
			"reporter": reporter, "site": site},
		Fingerprint: fmt.Sprintf("%016x", fingerprints.Add(1)),
	}
}

func webhook(alerts ...alert) []byte {
	if alerts == nil {
		alerts = []alert{}
	}
	body, err := json.Marshal(map[string]any{
		"version": "4", "groupKey": `{}:{accelerator="x"}`, "truncatedAlerts": 0, "status": "firing", "receiver": "sitefence",
		"groupLabels": map[string]string{}, "commonLabels": map[string]string{}, "commonAnnotations": map[string]string{},
		"externalURL": "http://alertmanager", "alerts": alerts,
	})
	if err != nil {
		panic(err)
	}
	return body
}

// request posts to the real ingest URL and returns the status.
func (s *scene) request(method string, body []byte, change func(*http.Request)) *http.Response {
	s.t.Helper()
	url, err := deployed.IngestURL()
	s.must(err)
	req, err := http.NewRequestWithContext(s.ctx, method, url, bytes.NewReader(body))
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(stack.WebhookUser, stack.WebhookPassword)
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	s.must(err)
	answer, err := answerText(resp)
	s.must(err)
	s.must(resp.Body.Close())
	leak.Check(s.t, answer, secrets...)
	return resp
}

// post posts alerts and wants 204.
func (s *scene) post(alerts ...alert) {
	s.t.Helper()
	if resp := s.request(http.MethodPost, webhook(alerts...), nil); resp.StatusCode != http.StatusNoContent {
		text, err := logText(s.ctx, "-ingest-", 0)
		s.t.Fatalf("ingest answered %s, want 204; its log (%v): %s", resp.Status, err, text)
	}
}

func (s *scene) existing(machine string) map[string]bool {
	s.t.Helper()
	all, err := deployed.Executions(s.ctx, machine)
	s.must(err)
	old := map[string]bool{}
	for _, e := range all {
		old[e.ARN] = true
	}
	return old
}

// ended waits until this scenario has n executions of the machine and all have
// ended. n = 0 returns those there are once they have ended.
func (s *scene) ended(machine string, old map[string]bool, n int) []stack.Execution {
	s.t.Helper()
	for {
		all, err := deployed.Executions(s.ctx, machine)
		s.must(err)
		all = slices.DeleteFunc(all, func(e stack.Execution) bool { return old[e.ARN] })
		if len(all) >= n && !slices.ContainsFunc(all, func(e stack.Execution) bool { return !e.Closed() }) {
			for i := range all {
				all[i], err = deployed.Describe(s.ctx, all[i].ARN)
				s.must(err)
			}
			return all
		}
		select {
		case <-s.ctx.Done():
			s.t.Fatalf("waiting for %d ended executions of %s: have %+v", n, machine, all)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *scene) guardsEnded(n int) []stack.Execution {
	s.t.Helper()
	return s.ended(s.d.Guard, s.guards, n)
}
func (s *scene) fencesEnded(n int) []stack.Execution {
	s.t.Helper()
	return s.ended(s.d.Fence, s.fences, n)
}

// wantEnd waits for one guard, and its fence if it started one, and asserts how
// the last of the two ended.
func (s *scene) wantEnd(outcome, reason string) stack.Execution {
	s.t.Helper()
	e := s.guardsEnded(1)[0]
	if e.Outcome() == "FenceStarted" {
		e = s.fencesEnded(1)[0]
	}
	s.want(e, outcome, reason)
	return e
}

// want asserts how an execution ended; the reason of a failure is looked for in
// its cause.
func (s *scene) want(e stack.Execution, outcome, reason string) {
	s.t.Helper()
	if e.Outcome() != outcome || e.Reason() != reason && !strings.Contains(e.Cause, reason) {
		steps, _ := deployed.Trace(s.ctx, e.ARN)
		s.t.Errorf("%s ended %q %q, want %q %q\ncause: %s\nsteps: %v", e.Name, e.Outcome(), e.Reason(), outcome, reason, e.Cause, names(steps))
	}
}

func names(steps []stack.Step) []string {
	var all []string
	for _, s := range steps {
		all = append(all, s.State)
	}
	return all
}

// inject puts faults of a site's Infinispan in place until the scene is reset.
func (s *scene) inject(site string, faults ...infinispan.Fault) { s.world.Inject(site, faults...) }
