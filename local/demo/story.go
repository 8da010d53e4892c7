package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sitefence/sitefence/local/alertmanager"
	"github.com/sitefence/sitefence/local/stack"
)

// story is the incident, step by step; each step fails if it is not observed.
func (d *demo) story(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("the story took over two minutes"))
	defer cancel()
	d.say("\n1. Both sites serve.")
	if err := d.bothServe(ctx); err != nil {
		return err
	}
	d.say("\n2. The link between the sites breaks (the gossip router is killed).")
	if err := d.cutLink(ctx); err != nil {
		return err
	}
	d.say("\n3. Each site's Prometheus reports the other; Alertmanager posts both alerts to the ingest URL.")
	alerted := time.Now()
	if err := d.alerts.Post(ctx, d.alert(siteA, siteB), d.alert(siteB, siteA)); err != nil {
		return err
	}
	working := d.watchWrites(ctx)
	d.say("\n4. The pipeline decides.")
	survivor, fenced, err := d.follow(ctx)
	if err != nil {
		return err
	}
	d.say("\n5. One site is left, and it works.")
	return d.oneServes(ctx, survivor, fenced, alerted, working)
}

func (d *demo) bothServe(ctx context.Context) error {
	if got := d.serving(); got != siteA+", "+siteB {
		return fmt.Errorf("the accelerator holds %q, want both sites", got)
	}
	d.say("   accelerator: %s", d.serving())
	for _, site := range []string{siteA, siteB} {
		if err := d.world.Write(ctx, site, "before-"+site, "1"); err != nil {
			return fmt.Errorf("writing at %s before the cut: %w", site, err)
		}
		d.say("   write at %s: ok, replicated", site)
	}
	return nil
}

func (d *demo) cutLink(ctx context.Context) error {
	cut := time.Now()
	if err := d.world.CutLink(ctx); err != nil {
		return err
	}
	d.say("   the sites lost sight of each other after %.1f s", time.Since(cut).Seconds())
	for _, site := range []string{siteA, siteB} {
		err := d.world.Write(ctx, site, "during-"+site, "1")
		if err == nil {
			return fmt.Errorf("a write at %s works although the link is cut", site)
		}
		d.say("   write at %s: FAILS (%.110s)", site, strings.SplitN(err.Error(), "\n", 2)[0])
	}
	return nil
}

func (d *demo) alert(reporter, site string) alertmanager.Alert {
	return alertmanager.Alert{
		Labels: map[string]string{"alertname": "SiteOffline", "severity": "critical", "namespace": "default",
			"reporter": reporter, "site": site, "accelerator": d.stack.Deployment(deployment).Accelerator.DNSName},
		Annotations: map[string]string{"summary": reporter + " cannot see " + site},
	}
}

// write is the first write that worked again.
type write struct {
	site string
	at   time.Time
}

// watchWrites tries to write at both sites until one works.
func (d *demo) watchWrites(ctx context.Context) <-chan write {
	first := make(chan write, 2)
	for _, site := range []string{siteA, siteB} {
		go func() {
			for ctx.Err() == nil {
				if d.world.Write(ctx, site, "after-"+site, "1") == nil {
					first <- write{site, time.Now()}
					return
				}
			}
		}()
	}
	return first
}

// follow waits for both guards and the fence between them and prints the way
// each went.
func (d *demo) follow(ctx context.Context) (survivor, fenced string, err error) {
	dep := d.stack.Deployment(deployment)
	guards, err := d.stack.WaitAll(ctx, dep.Guard, 2)
	if err != nil {
		return "", "", err
	}
	fences, err := d.stack.WaitAll(ctx, dep.Fence, 1)
	if err != nil {
		return "", "", err
	}
	for _, e := range append(guards, fences...) {
		if err := d.path(ctx, e); err != nil {
			return "", "", err
		}
	}
	winner, err := winner(fences)
	if err != nil {
		return "", "", err
	}
	var out struct{ Survivor, Site string }
	if err := json.Unmarshal([]byte(winner.Output), &out); err != nil {
		return "", "", fmt.Errorf("reading the fence's output: %w", err)
	}
	for _, g := range guards {
		if o := g.Outcome(); o != "FenceStarted" && o != "Ignored" {
			return "", "", fmt.Errorf("guard %s ended %s: %s", g.Name, o, g.Cause)
		}
	}
	return out.Survivor, out.Site, nil
}

// winner is the one fence that ended Fenced. The losing site's guard may get a
// turn too, when the winner's is over; its fence looks again and ends Ignored.
func winner(fences []stack.Execution) (stack.Execution, error) {
	var won []stack.Execution
	for _, f := range fences {
		switch f.Outcome() {
		case "Fenced":
			won = append(won, f)
		case "Ignored":
		default:
			return stack.Execution{}, fmt.Errorf("%s ended %s: %s", f.Name, f.Outcome(), f.Cause)
		}
	}
	if len(won) != 1 {
		return stack.Execution{}, fmt.Errorf("%d fence executions ended Fenced, want exactly one", len(won))
	}
	return won[0], nil
}

func (d *demo) path(ctx context.Context, e stack.Execution) error {
	steps, err := d.stack.Trace(ctx, e.ARN)
	if err != nil {
		return err
	}
	var in struct{ Reporter, Site string }
	if err := json.Unmarshal([]byte(e.Input), &in); err != nil {
		return fmt.Errorf("reading the input of %s: %w", e.Name, err)
	}
	var names []string
	for i, s := range steps {
		name := s.State
		if i+1 < len(steps) {
			if took := steps[i+1].At.Sub(s.At); took >= time.Second {
				name += fmt.Sprintf(" (%.0f s)", took.Seconds())
			}
		}
		names = append(names, name)
	}
	machine := "guard"
	if strings.HasPrefix(e.Name, "fence-") {
		machine = e.Name
	}
	d.say("   %s, %s reports %s: %s %s\n     %s", machine, in.Reporter, in.Site, e.Outcome(), e.Reason(), wrap(strings.Join(names, " > "), 110, "     "))
	return nil
}

func (d *demo) oneServes(ctx context.Context, survivor, fenced string, alerted time.Time, working <-chan write) error {
	if got := d.serving(); got != survivor {
		return fmt.Errorf("the accelerator holds %q, want %q alone", got, survivor)
	}
	d.say("   accelerator: %s", survivor)
	status, err := d.world.BackupStatus(ctx, survivor, fenced)
	if err != nil || status != "offline" {
		return fmt.Errorf("replication from %s to %s is %q (%w), want offline", survivor, fenced, status, err)
	}
	d.say("   replication %s to %s: %s", survivor, fenced, status)
	var first write
	select {
	case first = <-working:
	case <-ctx.Done():
		return fmt.Errorf("waiting for a write at %s: %w", survivor, context.Cause(ctx))
	}
	if first.site != survivor {
		return fmt.Errorf("writes work at %s, which is not the survivor %s", first.site, survivor)
	}
	d.say("   write at %s: ok", survivor)
	written, ok := d.accelerated()
	if !ok {
		return errors.New("the accelerator was never written through its API")
	}
	d.say("\nFrom the alert to the accelerator's write: %.1f s. To the first working write: %.1f s.",
		written.Sub(alerted).Seconds(), first.at.Sub(alerted).Seconds())
	return nil
}

// wrap breaks a line at spaces.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = 0
		case i > 0:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
