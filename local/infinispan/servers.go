package infinispan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/sitefence/sitefence/local/proc"
)

func (w *realWorld) startRouter(ctx context.Context) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(w.routerPort()))
	p, err := proc.Start(proc.Spec{
		Name: "gossip router", Path: w.java, Env: environ(), Dir: w.opt.WorkDir,
		Log: filepath.Join(w.opt.WorkDir, "router.log"),
		Args: []string{
			"-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true",
			"-cp", filepath.Join(w.lib, "*"), "org.jgroups.stack.GossipRouter",
			"-bind_addr", "127.0.0.1", "-port", strconv.Itoa(w.routerPort()),
		},
	})
	if err != nil {
		return err
	}
	w.router = p
	return p.WaitReady(ctx, func(ctx context.Context) error {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

func (w *realWorld) routerPort() int { return w.nodes[w.opt.Sites[0]].RouterPort }

func (w *realWorld) startServer(name string) error {
	n := w.nodes[name]
	// hasGivenUp must read this start only; of the one before, a copy stays.
	if err := os.Rename(n.console(), n.console()+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("putting the log of %s aside: %w", name, err)
	}
	p, err := proc.Start(proc.Spec{
		Name: "Infinispan " + name, Path: w.java, Env: environ(), Dir: n.root,
		Log: n.console(),
		Args: []string{
			"-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true",
			// Read by the stack `tunnel`. Without the port it takes the one
			// of the REST endpoint and never connects.
			"-Djgroups.tunnel.port=0", fmt.Sprintf("-Djgroups.tunnel.hosts=127.0.0.1[%d]", n.RouterPort),
			"-Dinfinispan.server.home.path=" + n.root,
			"-cp", filepath.Join(w.lib, "*"), "org.infinispan.server.Bootstrap",
			"-s", n.root, "-c", "server.xml", "-n", name, "-p", strconv.Itoa(n.Port),
		},
	})
	if err != nil {
		return err
	}
	w.servers[name] = p
	return nil
}

func (w *realWorld) awaitServer(ctx context.Context, name string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return w.servers[name].WaitReady(ctx, func(ctx context.Context) error {
		_, err := w.View(ctx, name)
		if err != nil && hasGivenUp(w.nodes[name].console()) {
			cancel(errors.New("it failed to start"))
		}
		return err
	})
}

func (w *realWorld) stopServer(name string) {
	if p := w.servers[name]; p != nil {
		p.Stop()
		delete(w.servers, name)
	}
}

// hasGivenUp recognises a server that will never start, a port that is taken
// for instance: it says so, but its process does not end.
func hasGivenUp(console string) bool {
	log, err := os.ReadFile(console)
	return err == nil && (bytes.Contains(log, []byte("ISPN080028")) || bytes.Contains(log, []byte(`Exception in thread "main"`)))
}
