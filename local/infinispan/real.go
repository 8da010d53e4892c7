package infinispan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sitefence/sitefence/local/proc"
)

// How long a step may take at most, whatever the caller's context says: a
// server that has hung must not hang the demo.
const (
	startLimit = 2 * time.Minute
	viewLimit  = time.Minute // the failure detection needs 4 to 7 s
)

// realWorld is two servers and the gossip router that joins them.
type realWorld struct {
	*operator
	opt     Options
	java    string
	lib     string
	nodes   map[string]*node
	closing context.Context // ended by Close, so that no step delays it
	close   context.CancelFunc
	removes []string // folders that Close removes

	mu      sync.Mutex // one step of the life cycle at a time
	router  *proc.Process
	servers map[string]*proc.Process // only those that run
}

// StartReal starts two Infinispan servers of one node each and the gossip
// router between them, and returns once each sees the other: 10 to 30 s, plus
// the fetching of the jars the first time. ctx bounds the start only; the
// processes live until Close, which a caller must also reach on a signal: they
// have process groups of their own and do not see the terminal's Ctrl-C.
// Whatever was started is ended when it fails.
func StartReal(ctx context.Context, opt Options) (World, error) {
	opt, err := opt.complete(2)
	if err != nil {
		return nil, fmt.Errorf("checking the options: %w", err)
	}
	if err := checkJava(); err != nil {
		return nil, err
	}
	java, err := javaPath()
	if err != nil {
		return nil, err
	}
	lib, err := jars(ctx, opt)
	if err != nil {
		return nil, err
	}
	w := &realWorld{opt: opt, java: java, lib: lib, nodes: map[string]*node{}, servers: map[string]*proc.Process{}}
	w.closing, w.close = context.WithCancel(context.Background())
	if err := w.prepare(); err != nil {
		w.Close()
		return nil, err
	}
	opt.Progress(fmt.Sprintf("starting two Infinispan %s sites and the gossip router", opt.Version))
	if err := w.start(ctx); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// prepare chooses ports and writes everything the servers read.
func (w *realWorld) prepare() error {
	if w.opt.WorkDir == "" {
		dir, err := os.MkdirTemp("", "sitefence-infinispan-")
		if err != nil {
			return fmt.Errorf("making a work folder: %w", err)
		}
		w.opt.WorkDir, w.removes = dir, []string{dir}
	}
	root, err := filepath.Abs(w.opt.WorkDir)
	if err != nil {
		return fmt.Errorf("finding the work folder: %w", err)
	}
	w.opt.WorkDir = root
	ports, err := freePorts(1 + 3*len(w.opt.Sites))
	if err != nil {
		return err
	}
	ca, err := newAuthority("Sitefence local Infinispan")
	if err != nil {
		return err
	}
	var sites []Site
	for i, name := range w.opt.Sites {
		n := &node{
			Site: name, Sites: w.opt.Sites, Caches: w.opt.Caches,
			RouterPort: ports[0], Port: ports[1+3*i], ClusterPort: ports[2+3*i],
			root: filepath.Join(root, name),
		}
		if w.opt.OneWay {
			n.ProbePort = ports[3+3*i]
		}
		id, err := ca.issue(name)
		if err != nil {
			return err
		}
		if err := n.writeConfig(id, w.opt); err != nil {
			return err
		}
		w.nodes[name] = n
		sites = append(sites, w.opt.site(name, "https://127.0.0.1:"+strconv.Itoa(n.Port), ca.pem))
	}
	w.operator, err = newOperator(sites, w.opt.Caches)
	return err
}

func (o Options) site(name, url string, ca []byte) Site {
	return Site{
		Name: name, URL: url, CA: ca,
		User: o.User, Password: o.Password, LimitedUser: o.LimitedUser, LimitedPassword: o.LimitedPassword,
	}
}

func (w *realWorld) start(ctx context.Context) error {
	return w.step(ctx, startLimit, func(ctx context.Context) error {
		if err := w.startRouter(ctx); err != nil {
			return err
		}
		// Both at once: each is busy for seconds on its own.
		for _, name := range w.opt.Sites {
			if err := w.startServer(name); err != nil {
				return err
			}
		}
		for _, name := range w.opt.Sites {
			if err := w.awaitServer(ctx, name); err != nil {
				return err
			}
		}
		return w.awaitViews(ctx)
	})
}

// step runs one step of the life cycle, bounded by ctx, by limit and by Close.
func (w *realWorld) step(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(w.closing, func() { cancel(errClosed) })()
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return do(ctx)
}

var errClosed = errors.New("the world is closed")

// awaitViews waits until every running site sees what it should: all running
// ones while the link is up, none but itself while it is cut.
func (w *realWorld) awaitViews(ctx context.Context) error {
	for name := range w.servers {
		want := []string{name}
		if w.router != nil {
			want = w.running()
		}
		err := poll(ctx, 100*time.Millisecond, func() error {
			view, err := w.View(ctx, name)
			if err == nil && !slices.Equal(view, want) {
				err = fmt.Errorf("it sees %v", view)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("waiting for %s to see %v: %w", name, want, err)
		}
	}
	return nil
}

func (w *realWorld) running() []string {
	var names []string
	for name := range w.servers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (w *realWorld) CutLink(ctx context.Context) error {
	return w.step(ctx, viewLimit, func(ctx context.Context) error {
		if w.router != nil {
			w.opt.Progress("cutting the link; the sites notice in 4 to 6 s")
			w.router.Kill()
			w.router = nil
		}
		return w.awaitViews(ctx)
	})
}

func (w *realWorld) HealLink(ctx context.Context) error {
	return w.step(ctx, viewLimit, func(ctx context.Context) error {
		if w.router == nil {
			w.opt.Progress("healing the link; the sites notice in 3 to 7 s")
			if err := w.startRouter(ctx); err != nil {
				return err
			}
		}
		return w.awaitViews(ctx)
	})
}

func (w *realWorld) StopSite(ctx context.Context, name string) error {
	if _, err := w.find(name); err != nil {
		return err
	}
	return w.step(ctx, startLimit, func(context.Context) error {
		w.stopServer(name)
		return nil
	})
}

func (w *realWorld) KillSite(ctx context.Context, name string) error {
	if _, err := w.find(name); err != nil {
		return err
	}
	return w.step(ctx, startLimit, func(context.Context) error {
		if p := w.servers[name]; p != nil {
			p.Kill()
			delete(w.servers, name)
		}
		return nil
	})
}

func (w *realWorld) RestartSite(ctx context.Context, name string) error {
	if _, err := w.find(name); err != nil {
		return err
	}
	return w.step(ctx, startLimit, func(ctx context.Context) error {
		w.opt.Progress("restarting the Infinispan of " + name)
		w.stopServer(name)
		if err := w.startServer(name); err != nil {
			return err
		}
		if err := w.awaitServer(ctx, name); err != nil {
			return err
		}
		return w.awaitViews(ctx)
	})
}

// Close ends the processes side by side, waits until they are gone and removes
// the temporary folder.
func (w *realWorld) Close() {
	w.close()
	w.mu.Lock()
	defer w.mu.Unlock()
	var wg sync.WaitGroup
	for _, p := range w.servers {
		wg.Go(p.Kill) // nothing in a local site is worth an orderly end
	}
	if w.router != nil {
		wg.Go(w.router.Kill)
	}
	wg.Wait()
	w.router = nil
	clear(w.servers)
	for _, dir := range w.removes {
		_ = os.RemoveAll(dir)
	}
}
