package incident

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Relays stand between the sites and the gossip router, so that a site can be
// cut off in one direction only. They are safe for concurrent use.
type Relays struct {
	mu     sync.Mutex
	relays map[string]*relay // by site
	wait   sync.WaitGroup
}

// NewRelays has no relay yet: Route makes them.
func NewRelays() *Relays { return &Relays{relays: map[string]*relay{}} }

// relay hands on what one site and the router say to each other.
type relay struct {
	router   string
	listener net.Listener
	deaf     atomic.Bool // what the router says is taken and lost
	mu       sync.Mutex
	open     map[net.Conn]bool
	closed   bool
}

// Route is for infinispan.Options: it makes the site's relay.
func (r *Relays) Route(site, router string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("making a relay: %w", err)
	}
	one := &relay{router: router, listener: l, open: map[net.Conn]bool{}}
	r.mu.Lock()
	r.relays[site] = one
	r.mu.Unlock()
	r.wait.Go(func() { one.accept(&r.wait) })
	return l.Addr().String(), nil
}

// Deafen has the site hear nothing of the others any more, while they hear it
// still.
func (r *Relays) Deafen(site string) { r.find(site).deaf.Store(true) }

// Mend lets the site hear again. Its connections end: they lack what was lost.
func (r *Relays) Mend(site string) {
	one := r.find(site)
	one.deaf.Store(false)
	one.mu.Lock()
	defer one.mu.Unlock()
	for c := range one.open {
		_ = c.Close()
	}
}

func (r *Relays) find(site string) *relay {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.relays[site]
}

// Close ends the relays and their connections.
func (r *Relays) Close() {
	r.mu.Lock()
	for _, one := range r.relays {
		one.close()
	}
	r.mu.Unlock()
	r.wait.Wait()
}

func (r *relay) accept(wait *sync.WaitGroup) {
	for {
		site, err := r.listener.Accept()
		if err != nil {
			return
		}
		router, err := net.Dial("tcp", r.router)
		if err != nil {
			_ = site.Close() // as without a relay: nobody is there
			continue
		}
		if !r.keep(site, router) {
			return
		}
		both := func(to, from net.Conn, lose *atomic.Bool) {
			_, _ = io.Copy(lossy{to, lose}, from)
			r.drop(site, router)
		}
		wait.Go(func() { both(router, site, nil) })
		wait.Go(func() { both(site, router, &r.deaf) })
	}
}

// lossy takes everything and loses it while lose is true.
type lossy struct {
	net.Conn
	lose *atomic.Bool
}

func (l lossy) Write(data []byte) (int, error) {
	if l.lose != nil && l.lose.Load() {
		return len(data), nil
	}
	return l.Conn.Write(data)
}

func (r *relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		if r.closed {
			_ = c.Close()
		} else {
			r.open[c] = true
		}
	}
	return !r.closed
}

func (r *relay) drop(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(r.open, c)
	}
}

func (r *relay) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	_ = r.listener.Close()
	for c := range r.open {
		_ = c.Close()
	}
}
