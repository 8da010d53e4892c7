package infinispan

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Double is a World without Java: sites in this process that answer as the
// measured servers do, where an answer is known. It serves two to four sites,
// notices a cut at once, and can be made to fail. Its own World methods
// (Write, BackupStatus, …) meet no fault and are not recorded, so that a test
// can look without disturbing what it looks at. It is safe for concurrent use.
type Double struct {
	*operator
	opt  Options
	wait sync.WaitGroup // servers and the calls they serve
	keys []*ecdsa.PrivateKey

	mu     sync.Mutex // never held while waiting
	sites  map[string]*doubleSite
	cut    map[link]bool
	closed bool
	held   bool // see HoldPushes
}

// link is two sites, the lesser name first.
type link [2]string

func between(a, b string) link { return link{min(a, b), max(a, b)} }

type doubleSite struct {
	name     string
	address  string
	cert     tls.Certificate
	server   *http.Server // nil while it does not listen
	running  bool         // a site that does not listen may still replicate
	password string       // of the administrator
	faults   []*Fault
	calls    []Call
	state
}

// Call is one request that reached a site, in the order of arrival.
type Call struct {
	Kind          Kind
	Method        string
	Target        string // path and query as sent
	Authorization bool   // whether the header was there; its value is not kept
}

var _ World = (*Double)(nil)

// NewDouble starts a double. It fails on bad options or when no port is free.
func NewDouble(opt Options) (*Double, error) {
	opt, err := opt.complete(4)
	if err != nil {
		return nil, fmt.Errorf("checking the options: %w", err)
	}
	ca, err := newAuthority("Sitefence Infinispan double")
	if err != nil {
		return nil, err
	}
	d := &Double{opt: opt, sites: map[string]*doubleSite{}, cut: map[link]bool{}, keys: []*ecdsa.PrivateKey{ca.key}}
	var sites []Site
	for _, name := range opt.Sites {
		s, err := d.newSite(name, ca)
		if err != nil {
			d.Close()
			return nil, err
		}
		d.sites[name] = s
		sites = append(sites, opt.site(name, "https://"+s.address, ca.pem))
	}
	d.operator, err = newOperator(sites, opt.Caches)
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Double) newSite(name string, ca *authority) (*doubleSite, error) {
	id, err := ca.issue(name)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(id.cert, id.key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of %s back: %w", name, err)
	}
	d.keys = append(d.keys, id.private)
	l, err := listen()
	if err != nil {
		return nil, err
	}
	s := &doubleSite{name: name, address: l.Addr().String(), cert: cert, running: true, password: d.opt.Password}
	s.state = d.freshState()
	d.serve(s, l)
	return s, nil
}

func (d *Double) serve(s *doubleSite, l net.Listener) {
	server := &http.Server{
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.handle(s, w, r) }),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12},
		// Not nil, hence no HTTP/2, under which a call cannot end its connection.
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // failed handshakes are what some tests provoke
	}
	s.server = server
	d.wait.Go(func() { _ = server.ServeTLS(l, "", "") })
}

// Keys are the private keys of the authority and of the sites, for tests that
// look for them where they must not be.
func (d *Double) Keys() []*ecdsa.PrivateKey { return slices.Clone(d.keys) }

// SetCredentials gives the administrator of a site another password, as a
// rotation would. Site and the World methods know it from now on.
func (d *Double) SetCredentials(site, password string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mustSite(site).password = password
	d.setPassword(site, password)
}

// StopListening refuses connections to a site and ends those it has, while the
// site itself goes on replicating. Listen takes it back, on the same port.
func (d *Double) StopListening(site string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mustSite(site).stopListening()
}

func (s *doubleSite) stopListening() {
	if s.server != nil {
		_ = s.server.Close()
		s.server = nil
	}
}

// Listen undoes StopListening. It does nothing when the site listens.
func (d *Double) Listen(ctx context.Context, site string) error {
	if _, err := d.find(site); err != nil {
		return err
	}
	return poll(ctx, 10*time.Millisecond, func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.startListening(d.sites[site])
	})
}

func (d *Double) startListening(s *doubleSite) error {
	if s.server != nil || d.closed {
		return nil
	}
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return fmt.Errorf("listening again for %s: %w", s.name, err)
	}
	d.serve(s, l)
	return nil
}

// CutBetween cuts the link of two sites only.
func (d *Double) CutBetween(a, b string) { d.setLink(a, b, true) }

// HealBetween heals the link of two sites only.
func (d *Double) HealBetween(a, b string) { d.setLink(a, b, false) }

func (d *Double) setLink(a, b string, cut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut[between(d.mustSite(a).name, d.mustSite(b).name)] = cut
}

// CutLink cuts the links of all sites.
func (d *Double) CutLink(context.Context) error { d.setAllLinks(true); return nil }

// HealLink heals the links of all sites.
func (d *Double) HealLink(context.Context) error { d.setAllLinks(false); return nil }

func (d *Double) setAllLinks(cut bool) {
	for i, a := range d.opt.Sites {
		for _, b := range d.opt.Sites[i+1:] {
			d.setLink(a, b, cut)
		}
	}
}

// StopSite ends a site as World says.
func (d *Double) StopSite(_ context.Context, name string) error {
	if _, err := d.find(name); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sites[name].stop(d.freshState())
	return nil
}

// KillSite is StopSite: a double says no farewell.
func (d *Double) KillSite(ctx context.Context, name string) error { return d.StopSite(ctx, name) }

func (s *doubleSite) stop(fresh state) {
	s.stopListening()
	s.running, s.state = false, fresh
}

// RestartSite restarts a site as World says. Faults and records stay.
func (d *Double) RestartSite(ctx context.Context, name string) error {
	if err := d.StopSite(ctx, name); err != nil {
		return err
	}
	if err := d.Listen(ctx, name); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sites[name].running = true
	return nil
}

// Calls returns what reached a site so far.
func (d *Double) Calls(site string) []Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.mustSite(site).calls)
}

// ForgetCalls empties the record of every site.
func (d *Double) ForgetCalls() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.sites {
		s.calls = nil
	}
}

// Close ends the sites and waits for the calls they serve.
func (d *Double) Close() {
	d.mu.Lock()
	d.closed = true
	for _, s := range d.sites {
		s.stopListening()
	}
	d.mu.Unlock()
	d.wait.Wait()
}

// mustSite panics on a name that is no site: a mistake in a test.
func (d *Double) mustSite(name string) *doubleSite {
	s, ok := d.sites[name]
	if !ok {
		panic(fmt.Sprintf("%q is not a site of this world", name))
	}
	return s
}
