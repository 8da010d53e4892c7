package infinispan_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/infinispan"
)

// post takes site-b offline at site-a, as the code under test elsewhere would.
func post(ctx context.Context, t *testing.T, d *infinispan.Double) (answer, error) {
	t.Helper()
	a := d.Site("site-a")
	return ask(ctx, t, a, a.User, a.Password, http.MethodPost, backups+"site-b?action=take-offline")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		do     infinispan.Effect
		status int    // 0: the client gets no answer
		body   string // must be contained
		after  string // the backup's status
	}{
		{"500", infinispan.Answer(500), 500, "injected", infinispan.Online},
		{"401", infinispan.Answer(401), 401, "", infinispan.Online},
		{"403", infinispan.Answer(403), 403, "lacks 'ADMIN'", infinispan.Online},
		{"404", infinispan.Answer(404), 404, "", infinispan.Online},
		{"no cache", infinispan.AnswerEmpty(), 200, "{}", infinispan.Online},
		{"malformed", infinispan.AnswerMalformed(), 200, `{"status":"onl`, infinispan.Online},
		{"own body", infinispan.AnswerBody(302, `{"sessions":"?"}`), 302, `"?"`, infinispan.Online},
		{"elsewhere", infinispan.Redirect("/metrics"), 200, "site_view_status", infinispan.Online}, // this client follows
		{"one cache not ok", infinispan.OneCacheFails(), 200, "Timed out", infinispan.Mixed},
		{"hanging, given up", infinispan.Hang(), 0, "", infinispan.Online},
		{"late", infinispan.Delay(50 * time.Millisecond), 200, `"ok"`, infinispan.Offline},
		{"late, given up", infinispan.Delay(time.Hour), 0, "", infinispan.Online},
		{"dropped", infinispan.Drop(), 0, "", infinispan.Online},
		{"failed but applied", infinispan.FailedButApplied(), 0, "", infinispan.Offline},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDouble(t, infinispan.Options{})
			d.Inject("site-a", infinispan.Fault{On: infinispan.TakeOffline, Times: 1, Do: tt.do})
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			if strings.HasSuffix(tt.name, ", given up") {
				go func() {
					for len(d.Calls("site-a")) == 0 && ctx.Err() == nil {
						time.Sleep(time.Millisecond)
					}
					giveUp()
				}()
			}
			got, err := post(ctx, t, d)
			if got.Status != tt.status || (err == nil) != (tt.status != 0) || !strings.Contains(got.Body, tt.body) {
				t.Errorf("want %d with %q, got %+v, %v", tt.status, tt.body, got, err)
			}
			status(t, d, "site-a", "site-b", tt.after)
			if got, err := post(t.Context(), t, d); err != nil || got.Status != 200 {
				t.Errorf("the fault stayed: %+v, %v", got, err)
			}
			status(t, d, "site-a", "site-b", infinispan.Offline)
		})
	}
}

func TestFaultsMatch(t *testing.T) {
	t.Parallel()
	d := newDouble(t, infinispan.Options{})
	a := d.Site("site-a")
	d.Inject("site-a",
		infinispan.Fault{On: infinispan.BackupStatus, Times: 2, Do: infinispan.Answer(500)},
		infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.AnswerMixed()},
		infinispan.Fault{Method: http.MethodPost, Times: 1, Do: infinispan.Answer(503)},
	)
	var got []int
	for range 3 {
		got = append(got, mustAsk(t, a, http.MethodGet, backups+"site-b").Status)
	}
	got = append(got,
		mustAsk(t, a, http.MethodGet, "/rest/v2/container").Status,
		mustAsk(t, a, http.MethodPost, backups+"site-b?action=bring-online").Status,
		mustAsk(t, a, http.MethodPost, backups+"site-b?action=bring-online").Status,
		mustAsk(t, d.Site("site-b"), http.MethodGet, backups+"site-a").Status)
	if diff := cmp.Diff([]int{500, 500, 200, 200, 503, 200, 200}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if got := mustAsk(t, a, http.MethodGet, backups+"site-b").Body; !strings.Contains(got, `"mixed"`) {
		t.Errorf("a fault without a count ended: %s", got)
	}
	status(t, d, "site-a", "site-b", infinispan.Online) // the world's own look meets no fault
	d.ClearFaults("site-a")
	wantJSON(t, `{"status":"online"}`, mustAsk(t, a, http.MethodGet, backups+"site-b").Body)
}

// One fault must be one failure, also on a connection that was used before:
// there Go's client sends an idempotent request again when nothing came back.
func TestDropIsNotRetriedByTheClient(t *testing.T) {
	t.Parallel()
	d := newDouble(t, infinispan.Options{})
	a := d.Site("site-a")
	c := client(t, a)
	get := func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL+"/rest/v2/container", nil)
		check(t, err)
		res, err := c.Do(req)
		if err == nil {
			err = res.Body.Close()
		}
		return err
	}
	check(t, get())
	d.Inject("site-a", infinispan.Fault{On: infinispan.ContainerView, Times: 1, Do: infinispan.Drop()})
	if err := get(); err == nil {
		t.Error("the dropped call was answered")
	}
	check(t, get())
	if n := len(d.Calls("site-a")); n != 3 {
		t.Errorf("want 3 calls, got %d", n)
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	d := newDouble(t, infinispan.Options{})
	a := d.Site("site-a")
	mustAsk(t, a, http.MethodGet, "/rest/v2/container?x=1")
	mustAsk(t, a, http.MethodGet, backups+"site%2Fb")
	if _, err := ask(t.Context(), t, a, "", "", http.MethodPost, backups+"site-b?action=take-offline"); err != nil {
		t.Fatal(err)
	}
	writes(t, d, "site-a", "k", "v") // the world's own calls are not recorded
	want := []infinispan.Call{
		{Kind: infinispan.ContainerView, Method: "GET", Target: "/rest/v2/container?x=1", Authorization: true},
		{Kind: infinispan.BackupStatus, Method: "GET", Target: backups + "site%2Fb", Authorization: true},
		{Kind: infinispan.TakeOffline, Method: "POST", Target: backups + "site-b?action=take-offline"},
	}
	if diff := cmp.Diff(want, d.Calls("site-a")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if calls := d.Calls("site-b"); len(calls) != 0 {
		t.Errorf("site-b was called: %+v", calls)
	}
	d.ForgetCalls()
	if calls := d.Calls("site-a"); len(calls) != 0 {
		t.Errorf("not forgotten: %+v", calls)
	}
}

func TestSetCredentials(t *testing.T) {
	t.Parallel()
	d := newDouble(t, infinispan.Options{})
	old := d.Site("site-a")
	d.SetCredentials("site-a", "rotated")
	if got := mustAsk(t, old, http.MethodGet, backups); got.Status != 401 {
		t.Errorf("the old password still works: %+v", got)
	}
	if got := mustAsk(t, d.Site("site-a"), http.MethodGet, backups); got.Status != 200 {
		t.Errorf("the new password does not work: %+v", got)
	}
	if got := mustAsk(t, d.Site("site-b"), http.MethodGet, backups); got.Status != 200 || d.Site("site-b").Password != old.Password {
		t.Errorf("the other site's password changed as well: %+v", got)
	}
	writes(t, d, "site-a", "k", "v")
}

func TestStopListening(t *testing.T) {
	t.Parallel()
	d := newDouble(t, infinispan.Options{})
	a := d.Site("site-a")
	d.Inject("site-a", infinispan.Fault{On: infinispan.ContainerView, Do: infinispan.Hang()})
	hung := make(chan error, 1)
	go func() {
		_, err := ask(context.WithoutCancel(t.Context()), t, a, a.User, a.Password, http.MethodGet, "/rest/v2/container")
		hung <- err
	}()
	within(t, 5*time.Second, func() string {
		if len(d.Calls("site-a")) == 0 {
			return "the call never arrived"
		}
		return ""
	})
	d.StopListening("site-a")
	if err := <-hung; err == nil {
		t.Error("the hanging call was answered")
	}
	if _, err := post(t.Context(), t, d); err == nil {
		t.Error("a site that does not listen answered")
	}
	writes(t, d, "site-b", "k", "v") // it still replicates
	sees(t, d, "site-b", "site-a", "site-b")
	check(t, d.Listen(t.Context(), "site-a"))
	check(t, d.Listen(t.Context(), "site-a"))
	reads(t, d, "site-a", "k", "v")
}

func TestFourSites(t *testing.T) {
	t.Parallel()
	d := newDouble(t, infinispan.Options{Sites: []string{"a", "b", "c", "d"}})
	d.CutBetween("c", "a")
	sees(t, d, "a", "a", "b", "d")
	sees(t, d, "b", "a", "b", "c", "d")
	wantStatus(t, 500, d.Write(t.Context(), "a", "k", "v"))
	reads(t, d, "b", "k", "v") // the reachable ones have it
	writes(t, d, "b", "k2", "v")
	check(t, d.TakeOffline(t.Context(), "a", "c"))
	writes(t, d, "a", "k", "v2")
	wantJSON(t, `{"b":{"status":"online"},"c":{"status":"offline"},"d":{"status":"online"}}`, mustAsk(t, d.Site("a"), http.MethodGet, backups).Body)
	d.HealBetween("a", "c")
	sees(t, d, "c", "a", "b", "c", "d")
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	d := newDouble(t, infinispan.Options{})
	a, err := infinispan.NewDouble(infinispan.Options{})
	check(t, err)
	t.Cleanup(a.Close)
	stranger := d.Site("site-a")
	stranger.CA = a.Site("site-a").CA
	_, err = ask(t.Context(), t, stranger, "", "", http.MethodGet, "/")
	var unknown x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	if !errors.As(err, &unknown) || !errors.As(err, &verification) {
		t.Errorf("want an unknown authority, got %v", err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]infinispan.Options{
		"one site":        {Sites: []string{"a"}},
		"five sites":      {Sites: []string{"a", "b", "c", "d", "e"}},
		"a site twice":    {Sites: []string{"a", "a"}},
		"a site's name":   {Sites: []string{"a", "b/../c"}},
		"a cache's name":  {Caches: []string{"sessions", "<x>"}},
		"without cache":   {Caches: []string{"users"}},
		"user's name":     {User: "a:b"},
		"equal users":     {User: "x", LimitedUser: "x"},
		"password":        {Password: "a\nb"},
		"version":         {Version: "../15"},
		"limited's name":  {LimitedUser: "="},
		"cache is double": {Caches: []string{"sessions", "sessions"}},
	} {
		if d, err := infinispan.NewDouble(opt); err == nil {
			d.Close()
			t.Errorf("%s: accepted", name)
		}
		if w, err := infinispan.StartReal(t.Context(), opt); err == nil {
			w.Close()
			t.Errorf("%s: accepted by StartReal", name)
		}
	}
}

// Many clients, restarts, cuts and Close at once: the race detector watches,
// and Close must end it all.
func TestDoubleUnderUse(t *testing.T) {
	t.Parallel()
	d := newDouble(t, infinispan.Options{})
	d.Inject("site-a", infinispan.Fault{On: infinispan.CacheWrite, Times: 1, Do: infinispan.Hang()})
	var wg sync.WaitGroup
	ctx, a := t.Context(), d.Site("site-a")
	for range 4 {
		wg.Go(func() {
			for range 20 {
				_, _ = ask(ctx, t, a, a.User, a.Password, http.MethodGet, backups)
				_, _ = ask(ctx, t, a, a.User, a.Password, http.MethodPut, "/rest/v2/caches/sessions/k")
			}
		})
	}
	wg.Go(func() {
		for range 5 {
			_, _ = d.CutLink(ctx), d.HealLink(ctx)
			d.SetCredentials("site-b", "x")
			_ = d.Calls("site-a")
			_ = d.RestartSite(ctx, "site-a")
		}
		d.Close()
	})
	wg.Wait()
	d.Close()
	if _, err := post(t.Context(), t, d); err == nil {
		t.Error("a closed double answers")
	}
	if !slices.ContainsFunc(d.Sites(), func(s infinispan.Site) bool { return s.Name == "site-a" }) {
		t.Error("a closed double forgot its sites")
	}
}
