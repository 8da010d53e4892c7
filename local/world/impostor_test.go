package world_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/checkhealth"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/takeoffline"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// outcome is a decision with its reason, or an error as Step Functions sees it.
func outcome(check contract.Check, err error) string {
	if err != nil {
		return reflect.TypeOf(err).Elem().Name() + " " + string(contract.ReasonOf(err))
	}
	return string(check.Decision) + " " + string(check.Reason)
}

const (
	untrusted   = "Misconfigured untrusted-certificate"
	unreachable = "Transient reporter-unreachable"
)

// handled is one run of both steps, over the real wiring, at a site that another
// server stands for.
type handled struct {
	check, take string
	said        string // all errors, logs and outputs
	changes     int    // of the accelerator and of the real Infinispan sites
}

// handle runs CheckHealth while the link is cut, and TakeOffline once the site
// has left the accelerator.
func handle(t *testing.T, w *world.World, log *bytes.Buffer) handled {
	t.Helper()
	logger := slog.New(slog.NewJSONHandler(log, nil))
	if err := w.Infinispan.CutLink(t.Context()); err != nil {
		t.Fatal(err)
	}
	check, err := checkhealth.New(w.Function())
	if err != nil {
		t.Fatal(err)
	}
	check.Log = logger
	decided, err := check.Handle(t.Context(), contract.CheckInput{Event: w.Event()})
	h := handled{check: outcome(decided, err), said: fmt.Sprint(decided, err)}
	w.Accelerator.Edit("the site leaves", func(s *ga.State) {
		s.Accelerators[0].Listeners[0].Groups[0].Endpoints = []ga.Endpoint{ga.NewEndpoint(world.LB(world.SiteA))}
	})
	take, err := takeoffline.New(w.Function())
	if err != nil {
		t.Fatal(err)
	}
	take.Log = logger
	taken, err := take.Handle(t.Context(), w.Act(1))
	if h.take = taken.Backup; err != nil {
		h.take = outcome(contract.Check{}, err)
	}
	h.said += fmt.Sprint(taken, err) + log.String()
	h.changes = w.Writes() + len(w.Changes(world.SiteA)) + len(w.Changes(world.SiteB))
	return h
}

// TestImpostors: a server that cannot prove to be the reporter's Infinispan is
// sent nothing, by neither step; both end as the contract says, and nothing is
// changed anywhere. It takes a moment's belief to fence the wrong site: each of
// these servers says that the other site is out of sight.
func TestImpostors(t *testing.T) {
	tests := map[infinispan.Guise]struct{ check, take string }{
		infinispan.AnotherCA:    {untrusted, untrusted},
		infinispan.WrongHost:    {untrusted, untrusted},
		infinispan.Expired:      {untrusted, untrusted},
		infinispan.NotYetValid:  {untrusted, untrusted},
		infinispan.NotForServer: {untrusted, untrusted},
		infinispan.PlainHTTP:    {untrusted, untrusted},
		infinispan.OldTLS:       {"recheck reporter-unreachable", unreachable},
	}
	for guise, want := range tests {
		t.Run(string(guise), func(t *testing.T) {
			w, i := stoodFor(t, guise)
			got := handle(t, w, &bytes.Buffer{})
			if got.check != want.check || got.take != want.take || got.changes != 0 {
				t.Errorf("got %q and %q with %d changes, want %q and %q with none", got.check, got.take, got.changes, want.check, want.take)
			}
			if i.Requests() != 0 || i.Sent() == "" {
				t.Errorf("%d requests and %d bytes reached the impostor, want none and a handshake", i.Requests(), len(i.Sent()))
			}
			leak.Check(t, i.Sent(), world.Password)
			leak.Check(t, got.said, world.Password)
			if strings.HasPrefix(got.check, "Misconfigured") && !strings.Contains(got.said, "caFile") {
				t.Errorf("nobody is told what to do: %s", got.said)
			}
		})
	}
}

// TestGenuine: with nothing wrong, and with insecureSkipVerify whatever is, both
// steps go through: the impostors do answer, and do note what they are sent.
func TestGenuine(t *testing.T) {
	for guise, skip := range map[infinispan.Guise]bool{infinispan.Genuine: false, infinispan.AnotherCA: true} {
		t.Run(string(guise), func(t *testing.T) {
			w, i := stoodFor(t, guise)
			if skip {
				cfg := w.Config.Sites[0].Infinispan
				cfg.CA, cfg.InsecureSkipVerify = "", true
			}
			got := handle(t, w, &bytes.Buffer{})
			if got.check != "fence split" || got.take != "offline" {
				t.Errorf("got %q and %q, want fence split and offline", got.check, got.take)
			}
			if len(leak.Find(i.Sent(), world.Password)) == 0 {
				t.Error("the password did not reach it")
			}
			leak.Check(t, got.said, world.Password)
		})
	}
}

// TestRedirected: the site itself sends the steps elsewhere; the password goes
// nowhere, whether elsewhere speaks TLS or not.
func TestRedirected(t *testing.T) {
	for _, guise := range []infinispan.Guise{infinispan.PlainHTTP, infinispan.AnotherCA} {
		t.Run(string(guise), func(t *testing.T) {
			w := world.New(t)
			i := start(t, guise)
			target := i.URL
			if guise == infinispan.PlainHTTP {
				target = "http://" + strings.TrimPrefix(i.URL, "https://")
			}
			w.Infinispan.Inject(string(world.SiteA), infinispan.Fault{Do: infinispan.Redirect(target)})
			got := handle(t, w, &bytes.Buffer{})
			// The one POST reached the site, which answered it with the redirect.
			if got.check != "recheck reporter-unreachable" || got.take != unreachable || w.Writes() != 0 {
				t.Errorf("got %q and %q with %d writes, want a recheck and Transient with none", got.check, got.take, w.Writes())
			}
			if status, err := w.Infinispan.BackupStatus(t.Context(), string(world.SiteA), string(world.SiteB)); status != infinispan.Online {
				t.Errorf("replication is %s, %v; want online", status, err)
			}
			if i.Sent() != "" {
				t.Errorf("elsewhere was sent %q", i.Sent())
			}
			leak.Check(t, got.said, world.Password)
		})
	}
}

// stoodFor is a world in which another server stands at the reporter's address.
func stoodFor(t *testing.T, guise infinispan.Guise) (*world.World, *infinispan.Impostor) {
	t.Helper()
	w, i := world.New(t), start(t, guise)
	cfg := w.Config.Sites[0].Infinispan
	cfg.URL, cfg.CA = i.URL, string(i.CA)
	return w, i
}

func start(t *testing.T, guise infinispan.Guise) *infinispan.Impostor {
	t.Helper()
	i, err := infinispan.NewImpostor(guise, string(world.SiteA))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}
