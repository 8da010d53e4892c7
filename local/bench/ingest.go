package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/local/lambdaruntime"
)

// Ingest is how fast the door is, with one whole CPU where that can be limited.
type Ingest struct {
	Limited  bool      `json:"limited"` // to one CPU
	Webhooks int       `json:"webhooks"`
	Besides  Door      `json:"besides"` // without a call on the bus: the alert is refused by the last rule
	Put      Door      `json:"put"`     // with one, of which the time until its answer is not counted
	ByAlerts []Webhook `json:"byAlerts"`
}

// Door is one webhook of one alert after the other, to one environment.
type Door struct {
	Used      float64 `json:"used"` // CPU time of one, in all that the process does; 0: not known
	PerSecond float64 `json:"perSecond"`
	Median    float64 `json:"median"`
	P99       float64 `json:"p99"`
}

// Webhook is one of a number of alerts.
type Webhook struct {
	Alerts int    `json:"alerts"`
	Time   Spread `json:"time"`
}

// sizes are the numbers of alerts in a webhook, and of deployments, over which the
// cost must be linear.
var sizes = []int{10, 100, 1000}

// Ingest posts webhooks one after the other to one environment.
func (s Stage) Ingest(ctx context.Context, o Options) (Ingest, error) {
	memory := Unlimited
	if s.Shares != nil {
		memory = FullCore
	}
	d, err := s.Deploy(memory, ingest)
	if err != nil {
		return Ingest{}, err
	}
	defer d.Close()
	s.World.Reset()
	s.World.Near()
	defer s.World.Far()
	accelerator := s.World.config.Accelerator.DNSNames[0]
	result := Ingest{Limited: s.Shares != nil, Webhooks: o.Webhooks}
	now := time.Now()
	// The first ones open connections and read the secret.
	if _, err := s.post(ctx, d, webhook(accelerator, now, 1), true, 100); err != nil {
		return Ingest{}, err
	}
	// A start in the future is the last that is looked at, and refuses it: all is done but
	// what the bus takes.
	if result.Besides, err = s.door(ctx, d, webhook(accelerator, now.Add(2*alert.MaxAhead), 1), false, o.Webhooks); err != nil {
		return Ingest{}, err
	}
	if result.Put, err = s.door(ctx, d, webhook(accelerator, now, 1), true, o.Webhooks); err != nil {
		return Ingest{}, err
	}
	for _, n := range sizes {
		times, err := s.post(ctx, d, webhook(accelerator, now, n), true, 10*o.Runs)
		if err != nil {
			return Ingest{}, err
		}
		result.ByAlerts = append(result.ByAlerts, Webhook{n, SpreadOf(times)})
	}
	return result, nil
}

func (s Stage) door(ctx context.Context, d *Deployed, request events.LambdaFunctionURLRequest, put bool, times int) (Door, error) {
	before := d.Used(ingest)
	each, err := s.post(ctx, d, request, put, times)
	if err != nil {
		return Door{}, err
	}
	used := d.Used(ingest) - before
	slices.Sort(each)
	var all time.Duration
	for _, t := range each {
		all += t
	}
	n := len(each)
	return Door{Used: used.Seconds() * 1e3 / float64(n), PerSecond: float64(n) / all.Seconds(),
		Median: milliseconds(each[n/2]), P99: milliseconds(each[n*99/100])}, nil
}

// post posts a webhook again and again, and returns how long each took besides the
// calls; it must put its alerts on the bus, or must not.
func (s Stage) post(ctx context.Context, d *Deployed, request events.LambdaFunctionURLRequest, put bool, times int) ([]time.Duration, error) {
	all := make([]time.Duration, 0, times)
	for range times {
		answer, invocation, err := d.Invoke(ctx, ingest, request)
		if err != nil {
			return nil, err
		}
		if err := posted(answer); err != nil {
			return nil, err
		}
		calls := s.World.Line.Take()
		if got := slices.ContainsFunc(calls, func(c Call) bool { return c.Operation == "PutEvents" }); got != put {
			return nil, fmt.Errorf("a webhook called the bus: %t, want %t", got, put)
		}
		all = append(all, besides(invocation, calls))
	}
	return all, nil
}

// besides is an invocation's time without its calls, which follow each other here.
func besides(i lambdaruntime.Invocation, calls []Call) time.Duration {
	d := i.Answered.Sub(i.Taken)
	for _, c := range calls {
		d -= c.Answered.Sub(c.Arrived)
	}
	return d
}
