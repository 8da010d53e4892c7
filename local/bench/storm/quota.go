package storm

import (
	"sync"
	"time"

	"github.com/sitefence/sitefence/internal/config"
)

// Quota is how often an operation may be called: a token bucket of an account in a
// Region.
type Quota struct {
	Name   string  `json:"name"`
	Bucket float64 `json:"bucket"`
	Refill float64 `json:"refill"` // a second
	Source string  `json:"source"`
}

// Assumed is the source of a quota that AWS does not publish.
const Assumed = "assumed: AWS publishes none"

const (
	stepFunctions = "Step Functions quotas, API action throttling"
	transitions   = "StateTransition"
	invocations   = "rule invocations"
	eventBridge   = "EventBridge quotas"
)

// Region is a Region's quotas, as an account has them that never asked for more.
type Region struct {
	Name   string
	Quotas []Quota
}

// shared are the quotas that are the same everywhere, or lie in us-west-2 wherever
// the deployments are.
var shared = []Quota{
	{"ListListeners", 10, 5, Assumed}, {"ListEndpointGroups", 10, 5, Assumed}, {"UpdateEndpointGroup", 10, 5, Assumed},
	{"DescribeTags", 40, 10, "Elastic Load Balancing user guide, request throttling: all reads together"},
	{"GetParameter", 40, 40, "Systems Manager endpoints and quotas: 40 a second, standard throughput"},
	{"GetSecretValue", 10000, 10000, "Secrets Manager quotas"},
}

// Regions are the two kinds that Step Functions tells apart.
func Regions() []Region {
	large := []Quota{
		{"ListExecutions", 200, 5, stepFunctions}, {"StartExecution", 1300, 300, stepFunctions},
		{"DescribeExecution", 300, 15, stepFunctions}, {transitions, 5000, 5000, "Step Functions quotas, state throttling"},
		{"PutEvents", 10000, 10000, eventBridge}, {invocations, 18750, 18750, eventBridge},
	}
	small := []Quota{
		{"ListExecutions", 100, 2, stepFunctions}, {"StartExecution", 800, 150, stepFunctions},
		{"DescribeExecution", 250, 10, stepFunctions}, {transitions, 800, 800, "Step Functions quotas, state throttling"},
		{"PutEvents", 400, 400, eventBridge}, {invocations, 750, 750, eventBridge},
	}
	return []Region{
		{"us-east-1, us-west-2, eu-west-1", append(large, shared...)},
		{"all others", append(small, shared...)},
	}
}

// Concurrency is what an account's functions in a Region may have at once (AWS Lambda
// quotas). What is reserved for single functions is taken away from all others.
const Concurrency = 1000

// reserved is what so many deployments' stacks reserve: for ingest, and one each for
// what writes the accelerator and what restores a site.
func reserved(deployments int) int {
	stacks := (deployments + perStack - 1) / perStack
	return stacks*config.DefaultIngestConcurrency + 2*deployments
}

// Use is what became of a quota.
type Use struct {
	Quota
	Calls   int `json:"calls"`
	Refused int `json:"refused"`
}

// meter holds an account to its quotas. It is safe for concurrent use.
type meter struct {
	mu   sync.Mutex
	uses map[string]*use
}

type use struct {
	Use
	level float64
	at    time.Time
}

func newMeter(quotas []Quota) *meter {
	m := &meter{uses: map[string]*use{}}
	for _, q := range quotas {
		m.uses[q.Name] = &use{Use: Use{Quota: q}, level: q.Bucket, at: time.Now()}
	}
	return m
}

// take is false for a call that is throttled. What has no quota here is never.
func (m *meter) take(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.uses[name]
	if u == nil {
		return true
	}
	u.Calls++
	u.fill()
	if u.level < 1 {
		u.Refused++
		return false
	}
	u.level--
	return true
}

func (u *use) fill() {
	now := time.Now()
	u.level = min(u.Bucket, u.level+now.Sub(u.at).Seconds()*u.Refill)
	u.at = now
}

// wait is how long something is put off that is never refused.
func (m *meter) wait(name string, n int) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.uses[name]
	u.Calls += n
	u.fill()
	u.level -= float64(n)
	if u.level >= 0 {
		return 0
	}
	u.Refused++
	return time.Duration(-u.level / u.Refill * float64(time.Second))
}
