package incident

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sitefence/sitefence/local/alertmanager"
	"github.com/sitefence/sitefence/local/emulator/cache"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/prometheus"
	"github.com/sitefence/sitefence/local/stack"
)

// story is one telling of the straight incident.
type story struct {
	out     io.Writer
	started time.Time
	dir     string
	sites   infinispan.World
	stack   *stack.Stack
	world   *World
}

const deployment = "keycloak"

// Tell sets everything up, lives through the straight incident with the timing
// that is advised, tells it on out and ends everything, on every way out. It
// succeeds only if every step was observed.
func Tell(ctx context.Context, out io.Writer) (err error) {
	s := &story{out: out, started: time.Now()}
	told := false
	defer func() {
		s.close()
		if ctx.Err() != nil && !told {
			err = errors.New("stopped before the end; everything that was started has ended")
		}
	}()
	if err := s.setUp(ctx); err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, errors.New("the story took over five minutes"))
	defer cancel()
	if err := s.tell(limited); err != nil {
		return err
	}
	told = true
	return nil
}

func (s *story) setUp(ctx context.Context) error {
	if err := infinispan.Available(); err != nil {
		return fmt.Errorf("the incident needs real Infinispan: %w", err)
	}
	cacheDir, err := cache.Dir()
	if err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "sitefence-story-"); err != nil {
		return fmt.Errorf("making a folder for the story: %w", err)
	}
	s.progress("installing what is missing (Prometheus and Alertmanager, minutes the first time)")
	if _, err := alertmanager.Setup(ctx, cacheDir); err != nil {
		return err
	}
	if _, err := prometheus.Setup(ctx, cacheDir); err != nil {
		return err
	}
	s.sites, err = infinispan.StartReal(ctx, infinispan.Options{
		CacheDir: filepath.Join(cacheDir, "infinispan"), WorkDir: filepath.Join(s.dir, "infinispan"), Progress: s.progress,
	})
	if err != nil {
		return err
	}
	s.stack, err = stack.Start(ctx, stack.Options{
		Deployments: []stack.Spec{{Name: deployment, World: s.sites}}, Progress: s.progress, Dir: s.dir,
	})
	if err != nil {
		return err
	}
	s.progress("starting a Prometheus and an Alertmanager for each site, with the generated files")
	s.world, err = Open(ctx, Options{Stack: s.stack, Deployment: deployment, CacheDir: cacheDir})
	return err
}

func (s *story) tell(ctx context.Context) error {
	s.say("\n1. Both sites serve (%s), and each sees the other. Nothing below is done by hand but what is said to be.", strings.Join(s.world.Serving(), ", "))
	s.say("\n2. By hand: the link between the sites breaks (the gossip router is killed). At both, writes fail.")
	first, err := s.outage(ctx)
	if err != nil {
		return err
	}
	s.say("\n3. By hand: the link is healed.")
	if err := s.world.Heal(ctx); err != nil {
		return err
	}
	if err := s.world.Check(ctx, first); err != nil {
		return err
	}
	s.say("   Both sites see each other, every alert is over. Nothing comes back by itself:")
	s.say("   accelerator: %s; replication %s to %s: offline", first.Survivor, first.Survivor, first.Lost)
	s.say("\n4. Keycloak at %s stays stopped while the restore machine replaces its data by the survivor's. Then Keycloak starts, and in its turn the site rejoins, as the fence recorded it.", first.Lost)
	if err := s.world.Restore(ctx, first); err != nil {
		return err
	}
	s.say("   accelerator: %s", strings.Join(s.world.Serving(), ", "))
	s.say("\n5. By hand: the link breaks again.")
	second, err := s.outage(ctx)
	if err == nil && second.Generation <= first.Generation {
		err = fmt.Errorf("the second fence is %s, the first was %s", second.Execution.Name, first.Execution.Name)
	}
	return err
}

// outage cuts the link and tells what came of it.
func (s *story) outage(ctx context.Context) (Fence, error) {
	if err := s.world.Cut(ctx); err != nil {
		return Fence{}, err
	}
	fence, err := s.world.AwaitFence(ctx)
	if err != nil {
		return fence, err
	}
	if err := s.world.CheckWrites(ctx, fence, s.world.Began()); err != nil {
		return fence, err
	}
	line, err := s.world.Timeline(ctx, fence)
	if err != nil {
		return fence, err
	}
	s.say("\n%s", Table(line))
	s.progress("waiting for the other site's guard, which may wait its turn for a while")
	if err := s.world.Check(ctx, fence); err != nil {
		return fence, err
	}
	s.say("   %s: %s survives, %s is out, replication between them is offline, every write at %s works", fence.Execution.Name, fence.Survivor, fence.Lost, fence.Survivor)
	return fence, nil
}

func (s *story) close() {
	if s.world != nil {
		s.world.Close()
	}
	if s.stack != nil {
		s.stack.Close()
	}
	if s.sites != nil {
		s.sites.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

func (s *story) say(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format+"\n", args...) }

func (s *story) progress(text string) {
	s.say("  [%5.1f s] %s", time.Since(s.started).Seconds(), text)
}
