package infinispan_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/leak"
	double "github.com/sitefence/sitefence/local/infinispan"
)

// rotating is a password that is another one once it was read again.
type rotating struct {
	now, next string
	err       error // of reading it again
	rereads   int
}

func (p *rotating) Get(context.Context) (string, error) { return p.now, nil }

func (p *rotating) Reread(context.Context) (string, error) {
	p.rereads++
	if p.err == nil {
		p.now = p.next
	}
	return p.now, p.err
}

// pair is two sites over real TLS, and a client of site-a.
func pair(t *testing.T, p infinispan.Password) (*double.Double, *infinispan.Client) {
	t.Helper()
	d, err := double.NewDouble(double.Options{Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	s := d.Site("site-a")
	client, err := infinispan.New("site-a", config.Infinispan{URL: s.URL, User: s.User, CA: string(s.CA)}, p)
	if err != nil {
		t.Fatal(err)
	}
	return d, client
}

// kind is the contract's type and the reason of an error, "" for none.
func kind(err error) string {
	if err == nil {
		return ""
	}
	return reflect.TypeOf(contract.Edge(err)).Elem().Name() + " " + string(contract.ReasonOf(err))
}

func TestSite(t *testing.T) {
	d, client := pair(t, fixed(password))
	sees := func(want ...contract.Site) {
		t.Helper()
		if got, err := client.Sees(t.Context()); err != nil || !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("sees %v, %v; want %v", got, err, want)
		}
	}
	backup := func(want infinispan.Status) {
		t.Helper()
		if got, err := client.Backup(t.Context(), "site-b"); err != nil || got != want {
			t.Errorf("the backup is %q, %v; want %q", got, err, want)
		}
	}
	sees("site-a", "site-b")
	if err := d.CutLink(t.Context()); err != nil {
		t.Fatal(err)
	}
	sees("site-a")
	backup(infinispan.Online)
	for range 2 { // repeated: the same
		caches, err := client.TakeOffline(t.Context(), "site-b")
		if diff := cmp.Diff([]string{"actionTokens", "sessions"}, caches); err != nil || diff != "" {
			t.Errorf("taking offline: %v\n%s", err, diff)
		}
	}
	backup(infinispan.Offline)
	const view, status = "GET /rest/v2/container", "GET /rest/v2/container/x-site/backups/site-b"
	const take = "POST /rest/v2/container/x-site/backups/site-b?action=take-offline"
	var got []string
	for _, c := range d.Calls("site-a") {
		got = append(got, c.Method+" "+c.Target)
		if !c.Authorization {
			t.Errorf("%s %s without credentials", c.Method, c.Target)
		}
	}
	if diff := cmp.Diff([]string{view, view, status, take, status, take, status, status}, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if calls := d.Calls("site-b"); len(calls) > 0 {
		t.Errorf("the other site was asked: %v", calls)
	}
}

// TestFaults: each fault at each call. What may pass is Transient, what a human
// must mend is Misconfigured, and no text holds the password.
func TestFaults(t *testing.T) {
	const view, status, take = double.ContainerView, double.BackupStatus, double.TakeOffline
	const unreachable, unproven = "Transient reporter-unreachable", "Transient not-proven"
	every := map[string]struct {
		do   double.Effect
		want string
	}{
		"500":          {double.Answer(500), unreachable},
		"503":          {double.Answer(503), unreachable},
		"204":          {double.Answer(204), unreachable},
		"401":          {double.Answer(401), "Misconfigured bad-credentials"},
		"403":          {double.Answer(403), "Misconfigured forbidden"},
		"hanging":      {double.Hang(), unreachable},
		"cut":          {double.Drop(), unreachable},
		"cut, applied": {double.FailedButApplied(), unreachable},
		"malformed":    {double.AnswerMalformed(), unreachable},
		"HTML":         {double.AnswerBody(200, "<html>"+password), unreachable},
		"list":         {double.AnswerBody(200, `["`+password+`"]`), unreachable},
		"redirect":     {double.Redirect("https://127.0.0.1:1/" + password), unreachable},
	}
	type fault struct {
		at, asked double.Kind
		do        double.Effect
		want      string
	}
	tests := map[string]fault{
		"view, 404":                   {view, view, double.Answer(404), unreachable},
		"view, empty object":          {view, view, double.AnswerEmpty(), unreachable},
		"view, no list":               {view, view, double.AnswerBody(200, `{"local_site":"site-a"}`), unreachable},
		"view, another site":          {view, view, double.AnswerBody(200, `{"local_site":"site-b","sites_view":["site-a"]}`), "Misconfigured wrong-site"},
		"status, 404":                 {status, status, double.Answer(404), "Misconfigured backup-unknown"},
		"status, empty object":        {status, status, double.AnswerEmpty(), unreachable},
		"take, 404":                   {take, take, double.Answer(404), unreachable},
		"take, empty object":          {take, take, double.AnswerEmpty(), unproven},
		"take, null":                  {take, take, double.AnswerBody(200, `null`), unproven},
		"take, one cache fails":       {take, take, double.OneCacheFails(), unproven},
		"take, ok but not quite":      {take, take, double.AnswerBody(200, `{"sessions":"OK"}`), unproven},
		"take, no texts":              {take, take, double.AnswerBody(200, `{"sessions":true}`), unreachable},
		"proof, 404":                  {status, take, double.Answer(404), unproven},
		"proof, empty object":         {status, take, double.AnswerEmpty(), unreachable},
		"proof, mixed":                {status, take, double.AnswerMixed(), unproven},
		"proof, ok but still online":  {take, take, double.AnswerBody(200, `{"sessions":"ok","actionTokens":"ok"}`), unproven},
		"proof, another one's answer": {status, take, double.AnswerBody(200, `{"site-b":{"status":"offline"}}`), unreachable},
	}
	for name, e := range every {
		tests["view, "+name] = fault{view, view, e.do, e.want}
		tests["status, "+name] = fault{status, status, e.do, e.want}
		tests["take, "+name] = fault{take, take, e.do, e.want}
		tests["proof, "+name] = fault{status, take, e.do, e.want}
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, client := pair(t, fixed(password))
			d.Inject("site-a", double.Fault{On: tc.at, Do: tc.do})
			err := ask(t, client, tc.asked, strings.HasSuffix(name, "hanging"))
			if kind(err) != tc.want {
				t.Errorf("got %q (%v), want %q", kind(err), err, tc.want)
			}
			leak.Check(t, fmt.Sprint(err), password)
			// It passes: a fault leaves nothing behind that the next call trips over.
			d.ClearFaults("site-a")
			if err := ask(t, client, tc.asked, false); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

// ask makes the call; one that hangs has no more time than it needs to hang.
func ask(t *testing.T, client *infinispan.Client, what double.Kind, hangs bool) (err error) {
	t.Helper()
	ctx := t.Context()
	if hangs {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
	}
	switch what {
	case double.ContainerView:
		_, err = client.Sees(ctx)
	case double.BackupStatus:
		_, err = client.Backup(ctx, "site-b")
	default:
		_, err = client.TakeOffline(ctx, "site-b")
	}
	return err
}

// TestForbiddenIsNotRetried: a 403 is no reason to read the secret again.
func TestForbiddenIsNotRetried(t *testing.T) {
	p := &rotating{now: password}
	d, client := pair(t, p)
	d.Inject("site-a", double.Fault{Do: double.Answer(403)})
	if _, err := client.Sees(t.Context()); kind(err) != "Misconfigured forbidden" || p.rereads != 0 || len(d.Calls("site-a")) != 1 {
		t.Errorf("got %v after %d rereads and %d calls, want forbidden after none and one", err, p.rereads, len(d.Calls("site-a")))
	}
}

// TestOneCacheOfMany: the text names the cache that is not offline, and no other.
func TestOneCacheOfMany(t *testing.T) {
	d, client := pair(t, fixed(password))
	d.Inject("site-a", double.Fault{On: double.TakeOffline, Do: double.OneCacheFails(), Times: 1})
	caches, err := client.TakeOffline(t.Context(), "site-b")
	if len(caches) > 0 || err == nil || !strings.Contains(err.Error(), "sessions: ") || strings.Contains(err.Error(), "actionTokens: ") {
		t.Errorf("got %v, %v; want an error that names sessions alone", caches, err)
	}
	if status, _ := client.Backup(t.Context(), "site-b"); status != infinispan.Mixed {
		t.Errorf("the backup is %q, want mixed", status)
	}
	if _, err := client.TakeOffline(t.Context(), "site-b"); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

// TestOfflineAlready: the status says offline, and still an answer without a
// cache, or with one that is not ok, proves nothing.
func TestOfflineAlready(t *testing.T) {
	d, client := pair(t, fixed(password))
	if err := d.TakeOffline(t.Context(), "site-a", "site-b"); err != nil {
		t.Fatal(err)
	}
	for _, do := range []double.Effect{double.AnswerEmpty(), double.AnswerBody(200, `null`), double.AnswerBody(200, `{"sessions":""}`), double.OneCacheFails()} {
		d.Inject("site-a", double.Fault{On: double.TakeOffline, Do: do, Times: 1})
		if caches, err := client.TakeOffline(t.Context(), "site-b"); kind(err) != "Transient not-proven" || caches != nil {
			t.Errorf("got %v, %v; want not-proven", caches, err)
		}
	}
}

// TestNobodyThere: a refused connection, and a server that never speaks TLS.
func TestNobodyThere(t *testing.T) {
	d, client := pair(t, fixed(password))
	d.StopListening("site-a")
	for _, what := range []double.Kind{double.ContainerView, double.BackupStatus, double.TakeOffline} {
		if err := ask(t, client, what, false); kind(err) != "Transient reporter-unreachable" || !strings.Contains(err.Error(), "dial tcp") {
			t.Errorf("%s: got %v, want reporter-unreachable: no connection", what, err)
		}
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close() //nolint:errcheck // the test is over
	client, err = infinispan.New("site-a", config.Infinispan{URL: "https://" + mute.Addr().String(), User: "u"}, fixed(password))
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(t, client, double.ContainerView, true); kind(err) != "Transient reporter-unreachable" {
		t.Errorf("mute: got %v, want reporter-unreachable", err)
	}
}

// TestTimeRunsOutInTheAnswer: headers came, the body never ends.
func TestTimeRunsOutInTheAnswer(t *testing.T) {
	client, _ := site(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"local_site":"site-a","sites_view":["site-a"]}`))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // else the answer would be whole, if late
	})
	if err := ask(t, client, double.ContainerView, true); kind(err) != "Transient reporter-unreachable" {
		t.Errorf("got %v, want reporter-unreachable: a whole answer is needed", err)
	}
}

// TestLongAnswers: one mebibyte is read, not a byte more, and what is cut there
// is not believed.
func TestLongAnswers(t *testing.T) {
	const answer = `{"local_site":"site-a","sites_view":["site-a"],"status":"offline"}`
	for size, want := range map[int]string{1 << 20: "", 1<<20 + 1: "Transient reporter-unreachable"} {
		client, _ := site(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(answer + strings.Repeat(" ", size-len(answer))))
		})
		for _, what := range []double.Kind{double.ContainerView, double.BackupStatus} {
			if err := ask(t, client, what, false); kind(err) != want {
				t.Errorf("%s of %d bytes: got %v, want %q", what, size, err, want)
			}
		}
	}
	client, _ := site(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"sessions":"ok"}` + strings.Repeat(" ", 1<<20)))
	})
	if err := ask(t, client, double.TakeOffline, false); kind(err) != "Transient reporter-unreachable" {
		t.Errorf("take-offline: got %v, want reporter-unreachable", err)
	}
}

// TestAnotherNode: the view is asked of another node, over a new connection,
// also while another call to the node that has none is under way, and also
// where the server speaks HTTP/2, which would carry all over one connection.
func TestAnotherNode(t *testing.T) {
	busy, release := make(chan struct{}), make(chan struct{})
	connections := map[string]bool{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "x-site") {
			connections[r.RemoteAddr] = true
			close(busy)
			<-release
			_, _ = w.Write([]byte(`{"status":"online"}`))
			return
		}
		if connections[r.RemoteAddr] = true; len(connections) < 4 {
			_, _ = w.Write([]byte(`{"local_site":"site-a","sites_view":[]}`))
			return
		}
		_, _ = w.Write([]byte(`{"local_site":"site-a","sites_view":["site-a"]}`))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	client, err := infinispan.New("site-a", config.Infinispan{URL: server.URL, User: "u", CA: pemOf(server.Certificate().Raw)}, fixed(password))
	if err != nil {
		t.Fatal(err)
	}
	backup := make(chan error, 1)
	go func() { _, err := client.Backup(t.Context(), "site-b"); backup <- err }()
	<-busy
	if got, err := client.Sees(t.Context()); err != nil || !slices.Equal(got, []contract.Site{"site-a"}) {
		t.Errorf("got %v, %v; want the view of the third node that was asked", got, err)
	}
	close(release)
	if err := <-backup; err != nil {
		t.Error(err)
	}
}

// TestNew: a CA that holds no certificate fails at the start, not in a fence.
func TestNew(t *testing.T) {
	for _, ca := range []string{"x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		_, err := infinispan.New("site-a", config.Infinispan{URL: "https://x", CA: ca}, fixed(password))
		if err == nil || !strings.Contains(err.Error(), "infinispan.ca of site site-a: got no certificate") {
			t.Errorf("%q: got %v, want an error that names the field", ca, err)
		}
	}
	// Without a CA the system's roots count, which know no double.
	d, _ := pair(t, fixed(password))
	client, err := infinispan.New("site-a", config.Infinispan{URL: d.Site("site-a").URL, User: "admin"}, fixed(password))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Sees(t.Context()); kind(err) != "Misconfigured untrusted-certificate" || len(d.Calls("site-a")) != 0 {
		t.Errorf("got %v after %d calls, want untrusted-certificate after none", err, len(d.Calls("site-a")))
	}
}

// TestSecretUnreadable: without a password nobody is asked, and the error stays.
func TestSecretUnreadable(t *testing.T) {
	d, client := pair(t, broken{})
	for _, what := range []double.Kind{double.ContainerView, double.BackupStatus, double.TakeOffline} {
		if err := ask(t, client, what, false); kind(err) != "Misconfigured secret-unusable" {
			t.Errorf("%s: got %v, want secret-unusable", what, err)
		}
	}
	if n := len(d.Calls("site-a")); n != 0 {
		t.Errorf("%d calls without a password", n)
	}
}

type broken struct{}

func (broken) Get(context.Context) (string, error) {
	return "", contract.MisconfiguredF(contract.SecretUnusable, "is binary")
}

func (broken) Reread(context.Context) (string, error) { return "", errors.New("not to be asked") }
