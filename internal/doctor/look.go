package doctor

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/deployed"
	"github.com/sitefence/sitefence/internal/secret"
)

// ReadTime bounds one read. An inspection is a function that bounds itself.
const (
	ReadTime    = 10 * time.Second
	InspectTime = (contract.InspectTimeout + 3) * time.Second
)

// Reads are the reads that a check needs. None of them changes anything; Post
// sends a webhook without an alert.
type Reads struct {
	Inspect       func(ctx context.Context, d deployed.Deployment) (contract.Inspection, error)
	WebhookSecret func(context.Context) (secret.Value, error)
	// Post returns the status that ingest answers.
	Post          func(ctx context.Context, user string, password secret.Value) (int, error)
	Subscriptions func(context.Context) ([]Subscription, error)
	Rules         func(context.Context) ([]BusRule, error) // of the stack's bus
	// Running lists the names of a machine's executions that are running.
	Running func(ctx context.Context, machine string) ([]string, error)
	// Releases are the releases that the stack's machines and functions are
	// tagged with, by their names; "" for one without the tag.
	Releases func(context.Context) (map[string]string, error)
}

// Subscription is one of the topic's.
type Subscription struct {
	Protocol, Endpoint string
	Pending            bool
}

// BusRule is one rule of the bus.
type BusRule struct {
	Name    string
	Enabled bool
}

// Answer is what one read gave: a value or an error.
type Answer[T any] struct {
	Value T
	Err   error
}

// Facts are all that the rows rest on.
type Facts struct {
	Config      *config.Config // the operator's file, nil when none was given
	User        string         // the webhook's, "" if unknown
	Secret      Answer[secret.Value]
	Accepts     Answer[int] // only if user and secret are known
	Refuses     Answer[int]
	Topic       Answer[[]Subscription]
	Rules       Answer[[]BusRule]
	Releases    Answer[map[string]string]
	Deployments []Deployment
}

// Deployment is one deployment's part of the facts.
type Deployment struct {
	Name       string
	Inspection Answer[contract.Inspection]
	Running    map[string]Answer[[]string] // by machine: guard, fence, restore
}

// Look reads everything of the deployments, side by side. What a read does not
// answer within its time is an error in its place.
func Look(ctx context.Context, reads Reads, deployments []deployed.Deployment, c *config.Config) Facts {
	facts := Facts{Config: c, Deployments: make([]Deployment, len(deployments))}
	if c != nil {
		facts.User = c.Webhook.User
	}
	var all, inspected, opened sync.WaitGroup
	for i, d := range deployments {
		at := &facts.Deployments[i]
		*at = Deployment{Name: d.Name, Running: map[string]Answer[[]string]{}}
		inspected.Go(func() {
			at.Inspection = ask(ctx, InspectTime, func(ctx context.Context) (contract.Inspection, error) { return reads.Inspect(ctx, d) })
		})
		all.Go(func() { at.Running = running(ctx, reads, d) })
	}
	opened.Go(func() { facts.Secret = ask(ctx, ReadTime, reads.WebhookSecret) })
	all.Go(func() { facts.Topic = ask(ctx, ReadTime, reads.Subscriptions) })
	all.Go(func() { facts.Rules = ask(ctx, ReadTime, reads.Rules) })
	all.Go(func() { facts.Releases = ask(ctx, ReadTime, reads.Releases) })
	all.Go(func() { facts.Refuses = post(ctx, reads, stranger, secret.Of("no-password")) })
	opened.Wait()
	if facts.User == "" {
		inspected.Wait()
		for i := range facts.Deployments { // no copy: the rest of it is still being read
			facts.User = cmp.Or(facts.User, facts.Deployments[i].Inspection.Value.WebhookUser)
		}
	}
	if facts.User != "" && facts.Secret.Err == nil {
		facts.Accepts = post(ctx, reads, facts.User, facts.Secret.Value)
	}
	inspected.Wait()
	all.Wait()
	return facts
}

// stranger is the user of the request that ingest must refuse. A wrong password of
// the right user would raise the alarm request-refused, as it should; a user that
// nobody configures is noise of the internet, which raises none.
const stranger = "sitefence-doctor-stranger"

func post(ctx context.Context, reads Reads, user string, password secret.Value) Answer[int] {
	return ask(ctx, ReadTime, func(ctx context.Context) (int, error) { return reads.Post(ctx, user, password) })
}

// running asks each machine that there is.
func running(ctx context.Context, reads Reads, d deployed.Deployment) map[string]Answer[[]string] {
	var mu sync.Mutex
	var all sync.WaitGroup
	found := map[string]Answer[[]string]{}
	for name, arn := range map[string]string{"guard": d.Guard, "fence": d.Fence, "restore": d.Restore} {
		if arn == "" {
			continue
		}
		all.Go(func() {
			a := ask(ctx, ReadTime, func(ctx context.Context) ([]string, error) { return reads.Running(ctx, arn) })
			mu.Lock()
			defer mu.Unlock()
			found[name] = a
		})
	}
	all.Wait()
	return found
}

func ask[T any](ctx context.Context, limit time.Duration, read func(context.Context) (T, error)) Answer[T] {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	value, err := read(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return Answer[T]{value, err}
}
