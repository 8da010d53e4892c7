package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sitefence/sitefence/local/lambdaruntime"
)

// Ingest is how fast the door is, with one whole CPU where that can be limited, and
// besides the bus: the time that PutEvents takes is not counted.
type Ingest struct {
	Limited   bool      `json:"limited"` // to one CPU
	Webhooks  int       `json:"webhooks"`
	Used      float64   `json:"used"`      // CPU time of one, in all that the process does; 0: not known
	PerSecond float64   `json:"perSecond"` // one after the other, by one environment
	Median    float64   `json:"median"`    // of one alert
	P99       float64   `json:"p99"`
	ByAlerts  []Webhook `json:"byAlerts"`
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
	// The first ones open connections and read the secret.
	if _, err := s.post(ctx, d, accelerator, 1, 100); err != nil {
		return Ingest{}, err
	}
	before := d.Used(ingest)
	times, err := s.post(ctx, d, accelerator, 1, o.Webhooks)
	if err != nil {
		return Ingest{}, err
	}
	result.Used = (d.Used(ingest) - before).Seconds() * 1e3 / float64(o.Webhooks)
	slices.Sort(times)
	var all time.Duration
	for _, t := range times {
		all += t
	}
	result.PerSecond = float64(len(times)) / all.Seconds()
	result.Median, result.P99 = milliseconds(times[len(times)/2]), milliseconds(times[len(times)*99/100])
	for _, n := range sizes {
		times, err := s.post(ctx, d, accelerator, n, 10*o.Runs)
		if err != nil {
			return Ingest{}, err
		}
		result.ByAlerts = append(result.ByAlerts, Webhook{n, SpreadOf(times)})
	}
	return result, nil
}

// post posts a webhook again and again, and returns how long each took besides the
// calls.
func (s Stage) post(ctx context.Context, d *Deployed, accelerator string, alerts, times int) ([]time.Duration, error) {
	body := webhook(accelerator, alerts)
	all := make([]time.Duration, 0, times)
	for range times {
		answer, invocation, err := d.Invoke(ctx, ingest, body)
		if err != nil {
			return nil, err
		}
		if err := posted(answer); err != nil {
			return nil, err
		}
		calls := s.World.Line.Take()
		if !slices.ContainsFunc(calls, func(c Call) bool { return c.Operation == "PutEvents" }) {
			return nil, fmt.Errorf("a webhook of %d alerts put nothing on the bus", alerts)
		}
		for _, c := range calls {
			if c.New {
				news++
			}
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

var news int
