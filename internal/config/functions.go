package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
)

// Function changes one function; what is zero stays as it is.
type Function struct {
	MemoryMB       int `json:"memory,omitempty"`
	TimeoutSeconds int `json:"timeout,omitempty"`
}

const (
	// DefaultMemoryMB is also the share of a CPU. Up to it each doubling makes a cold
	// fence faster by a fifth or more, beyond it by less than a tenth, each function by
	// itself (docs/performance.md). The least leaves room for answers of megabytes.
	DefaultMemoryMB = 512
	minMemoryMB     = 256
	maxMemoryMB     = 10240
	// DefaultIngestConcurrency is how much a flood from strangers can take of the
	// account's concurrency, so that the fence's own functions still find some.
	DefaultIngestConcurrency = 50
	// Fewer, and two Alertmanagers that post at once may be answered 429, which they
	// drop.
	minIngestConcurrency = 10
	maxIngestConcurrency = 1000
)

// FunctionLimit is a function that can be tuned, with its timeout in seconds.
// The timeout may only be lowered: the machines' own ones and their retries are
// measured against it, and an older step must have ended before an endpoint goes
// back. Much below it one call that hangs leaves no time for the next one, or for
// the answer that says so: inspect needs its 18 s of reads and three more.
type FunctionLimit struct {
	Name    string
	Timeout int
}

// Least is the lowest timeout, in seconds.
func (f FunctionLimit) Least() int { return f.Timeout - f.Timeout/6 }

// FunctionLimits are the functions of the stack.
func FunctionLimits() []FunctionLimit {
	return []FunctionLimit{
		{"ingest", contract.IngestTimeout},
		{"checkhealth", contract.CheckHealthTimeout},
		{"updateaccelerator", contract.UpdateAcceleratorTimeout},
		{"takeoffline", contract.TakeOfflineTimeout},
		{"resync", contract.ResyncTimeout},
		{"inspect", contract.InspectTimeout},
	}
}

// Of is the memory and the timeout of a function whose timeout is the given one
// unless the configuration says less.
func (t Tuning) Of(function string, timeoutSeconds int) Function {
	f := t.Functions[function]
	if f.MemoryMB == 0 {
		f.MemoryMB = DefaultMemoryMB
	}
	if f.TimeoutSeconds == 0 {
		f.TimeoutSeconds = timeoutSeconds
	}
	return f
}

// functions reads tuning.functions; nil when nothing is changed.
func (l *loader) functions(f field) map[string]Function {
	var names []string
	for _, limit := range FunctionLimits() {
		names = append(names, limit.Name)
	}
	o := f.object(names...)
	all := map[string]Function{}
	for _, limit := range FunctionLimits() {
		one := o.optional(limit.Name).object("memory", "timeout")
		got := Function{
			MemoryMB:       one.optional("memory").whole(0, minMemoryMB, maxMemoryMB, "a number of MB"),
			TimeoutSeconds: one.optional("timeout").timeout(limit),
		}
		if got != (Function{}) {
			all[limit.Name] = got
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func (f field) timeout(limit FunctionLimit) int {
	seconds := func(s string) (int, bool) {
		n, err := strconv.Atoi(strings.TrimSuffix(s, "s"))
		return n, err == nil && s == strconv.Itoa(n)+"s"
	}
	s := f.match(rule{
		fmt.Sprintf("a number of seconds from %ds to %ds: the state machines count on %d at most", limit.Least(), limit.Timeout, limit.Timeout),
		func(s string) bool {
			n, ok := seconds(s)
			return ok && n >= limit.Least() && n <= limit.Timeout
		}, quote,
	})
	n, _ := seconds(s)
	return n
}

func (l *loader) tuning(f field) Tuning {
	o := f.object("architecture", "reservedConcurrency", "ingestConcurrency", "logRetentionDays", "logKeyArn", "tracing", "dashboards", "confirmAfter",
		"permissionsBoundary", "secretKeyArns", "functions", "guard", "fence")
	t := Tuning{
		Architecture:        Architecture(o.optional("architecture").match(architectureRule)),
		ReservedConcurrency: o.optional("reservedConcurrency").boolean(true),
		IngestConcurrency:   o.optional("ingestConcurrency").whole(DefaultIngestConcurrency, minIngestConcurrency, maxIngestConcurrency, "a number"),
		LogRetentionDays:    o.optional("logRetentionDays").number(90, retentionDays),
		LogKeyARN:           o.optional("logKeyArn").match(keyRule),
		Tracing:             o.optional("tracing").boolean(true),
		Dashboards:          o.optional("dashboards").boolean(true),
		ConfirmAfter:        DefaultConfirmAfter,
		PermissionsBoundary: o.optional("permissionsBoundary").match(policyRule),
		Functions:           l.functions(o.optional("functions")),
		Guard:               l.guardLimits(o.optional("guard")),
		Fence:               l.fenceLimits(o.optional("fence")),
	}
	if c := o.optional("ingestConcurrency"); c.node != nil && !t.ReservedConcurrency {
		c.problem("a number beside reservedConcurrency: false", "one of the two: nothing is reserved then")
	}
	keys := once("entry")
	for _, k := range o.optional("secretKeyArns").list(1, maxSecretKeys, "1 to 16 KMS key ARNs, or no such field") {
		arn := k.match(keyRule)
		keys.see(k, arn)
		t.SecretKeyARNs = append(t.SecretKeyARNs, arn)
	}
	if s := o.optional("confirmAfter").match(waitRule); s != "" {
		t.ConfirmAfter, _ = time.ParseDuration(s) // the rule allows nothing that fails
	}
	if t.Architecture == "" {
		t.Architecture = ARM64
	}
	return t
}
