package doctor_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/deployed"
	"github.com/sitefence/sitefence/internal/doctor"
	"github.com/sitefence/sitefence/internal/secret"
)

var stack = []deployed.Deployment{{Name: "kc", Guard: "g", Fence: "f", Restore: "r"}, {Name: "shop", Guard: "g2", Fence: "f2"}}

// posted is one webhook.
type posted struct{ user, password string }

// answering are reads that all go well, and note what is posted and which
// machines are asked.
func answering(posts *[]posted, machines *[]string) doctor.Reads {
	var mu sync.Mutex
	return doctor.Reads{
		Inspect: func(_ context.Context, d deployed.Deployment) (contract.Inspection, error) {
			return contract.Inspection{Deployment: d.Name, WebhookUser: "keycloak"}, nil
		},
		WebhookSecret: func(context.Context) (secret.Value, error) { return secret.Of("the-password"), nil },
		Post: func(_ context.Context, user string, password secret.Value) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			*posts = append(*posts, posted{user, password.Expose()})
			return map[bool]int{true: 204, false: 401}[user == "keycloak"], nil
		},
		Subscriptions: func(context.Context) ([]doctor.Subscription, error) { return nil, nil },
		Rules:         func(context.Context) ([]doctor.BusRule, error) { return nil, nil },
		Running: func(_ context.Context, machine string) ([]string, error) {
			mu.Lock()
			defer mu.Unlock()
			*machines = append(*machines, machine)
			return nil, nil
		},
		Releases: func(context.Context) (map[string]string, error) { return nil, nil },
	}
}

// TestProbes: the right user is tried with the secret's password and never with a
// wrong one, which would raise an alarm; the other one is not sent the password.
func TestProbes(t *testing.T) {
	var posts []posted
	var machines []string
	reads := answering(&posts, &machines)
	f := doctor.Look(t.Context(), reads, stack, nil)
	if f.User != "keycloak" || f.Accepts.Value != 204 || f.Refuses.Value != 401 || len(posts) != 2 {
		t.Errorf("user %q, accepts %+v, refuses %+v, %d posts", f.User, f.Accepts, f.Refuses, len(posts))
	}
	for _, p := range posts {
		if (p.user == "keycloak") != (p.password == "the-password") {
			t.Errorf("user %q was posted with %q", p.user, p.password)
		}
	}
	if len(machines) != 5 || len(f.Deployments[0].Running) != 3 || len(f.Deployments[1].Running) != 2 {
		t.Errorf("asked %v", machines)
	}
}

func TestUserOfTheFile(t *testing.T) {
	var posts []posted
	reads := answering(&posts, new([]string))
	reads.Inspect = func(context.Context, deployed.Deployment) (contract.Inspection, error) {
		return contract.Inspection{}, errors.New("no such function")
	}
	c := file()
	c.Webhook.User = "keycloak"
	if f := doctor.Look(t.Context(), reads, stack, c); f.User != "keycloak" || f.Accepts.Value != 204 {
		t.Errorf("user %q, accepts %+v", f.User, f.Accepts)
	}
	posts = nil
	if f := doctor.Look(t.Context(), reads, stack, nil); f.User != "" || len(posts) != 1 {
		t.Errorf("user %q, %d posts: nobody is known to post as", f.User, len(posts))
	}
}

// TestOneInspectionFails: the user is taken from the other one.
func TestOneInspectionFails(t *testing.T) {
	reads := answering(&[]posted{}, new([]string))
	inspect := reads.Inspect
	reads.Inspect = func(ctx context.Context, d deployed.Deployment) (contract.Inspection, error) {
		if d.Name == "shop" {
			return contract.Inspection{}, errors.New("no such function")
		}
		return inspect(ctx, d)
	}
	if f := doctor.Look(t.Context(), reads, stack, nil); f.User != "keycloak" || f.Deployments[1].Inspection.Err == nil {
		t.Errorf("user %q, %+v", f.User, f.Deployments[1])
	}
}

// TestHung: whatever hangs is an error in its place after its time, all at once:
// nothing waits for another's end, and no more than the longest read passes.
func TestHung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		reads := doctor.Reads{
			Inspect:       func(ctx context.Context, _ deployed.Deployment) (i contract.Inspection, _ error) { return i, hang(ctx) },
			WebhookSecret: func(ctx context.Context) (v secret.Value, _ error) { return v, hang(ctx) },
			Post:          func(ctx context.Context, _ string, _ secret.Value) (int, error) { return 0, hang(ctx) },
			Subscriptions: func(ctx context.Context) ([]doctor.Subscription, error) { return nil, hang(ctx) },
			Rules:         func(ctx context.Context) ([]doctor.BusRule, error) { return nil, hang(ctx) },
			Running:       func(ctx context.Context, _ string) ([]string, error) { return nil, hang(ctx) },
			Releases:      func(ctx context.Context) (map[string]string, error) { return nil, hang(ctx) },
		}
		started := time.Now()
		f := doctor.Look(t.Context(), reads, stack, nil)
		if took := time.Since(started); took != doctor.InspectTime {
			t.Errorf("took %s, want %s", took, doctor.InspectTime)
		}
		for what, err := range map[string]error{"secret": f.Secret.Err, "refuses": f.Refuses.Err, "topic": f.Topic.Err, "rules": f.Rules.Err,
			"releases": f.Releases.Err, "inspection": f.Deployments[0].Inspection.Err, "fence": f.Deployments[1].Running["fence"].Err} {
			if err == nil || !strings.Contains(err.Error(), "no answer within ") {
				t.Errorf("%s: got %v", what, err)
			}
		}
		if r := doctor.NewReport("sitefence", started, doctor.Examine(f)); r.ExitCode() != 2 {
			t.Errorf("exit code %d", r.ExitCode())
		}
	})
}
