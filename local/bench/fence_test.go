package bench_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/bench"
)

var root = filepath.Join("..", "..")

func stage(t *testing.T) bench.Stage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./cmd/buildfunctions", "-arch", runtime.GOARCH)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the functions: %v\n%s", err, out)
	}
	dir := t.TempDir()
	world, err := bench.NewWorld(dir, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	binaries, err := filepath.Abs(filepath.Join(root, "build", "functions", runtime.GOARCH))
	if err != nil {
		t.Fatal(err)
	}
	s := bench.Stage{World: world, Dir: dir, Binaries: binaries}
	if err := s.Copy([]string{"ingest", "checkhealth", "updateaccelerator", "takeoffline", "inspect", "resync"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFences: the real functions fence, cold and warm, and every stage of that is
// in the figures.
func TestFences(t *testing.T) {
	s := stage(t)
	point, err := s.Fences(t.Context(), bench.Unlimited, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]bench.Kind{"cold": point.Cold, "warm": point.Warm} {
		var order []string
		for _, p := range k.Parts {
			order = append(order, p.Function)
			if p.Calls == 0 || p.Duration.Median <= 0 || p.Sequence > p.Calls {
				t.Errorf("%s: %+v", name, p)
			}
		}
		want := []string{"ingest", "checkhealth", "checkhealth", "updateaccelerator", "takeoffline"}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Errorf("%s: the way (-want +got):\n%s", name, diff)
		}
		if k.Written.Median <= 0 || k.Proven.Median <= k.Written.Median || k.Billed.Median < k.Proven.Median {
			t.Errorf("%s: written after %v, proven after %v, of %v in all", name, k.Written, k.Proven, k.Billed)
		}
	}
	for i, p := range point.Cold.Parts {
		if fresh := p.Init.Median > 0; fresh != (i != 2) { // the second check finds the first one's environment
			t.Errorf("cold: invocation %d of %s: start %v", i, p.Function, p.Init)
		}
		if point.Warm.Parts[i].Init != (bench.Spread{}) {
			t.Errorf("warm: %s was started", p.Function)
		}
	}
	for _, r := range point.Resident {
		if runtime.GOOS == "linux" && r.Bytes < 1<<20 {
			t.Errorf("%s has %d bytes in memory", r.Function, r.Bytes)
		}
	}
	for _, u := range point.Used {
		if runtime.GOOS == "linux" && u.Time.Median < 1 {
			t.Errorf("%s took %v ms of a CPU for its start and its work", u.Function, u.Time.Median)
		}
	}
	readable(t, bench.Result{Trip: 1, Fences: []bench.Point{point}}.Picture())
	starts, err := s.Starts(t.Context(), 1)
	if err != nil || len(starts) != 2 {
		t.Errorf("starts: %v, %v", starts, err)
	}
	door, err := s.Ingest(t.Context(), bench.Options{Runs: 1, Webhooks: 100})
	if err != nil || len(door.ByAlerts) != 3 {
		t.Errorf("the door: %+v, %v", door, err)
	}
	for _, d := range []bench.Door{door.Besides, door.Put} {
		if d.PerSecond <= 0 || d.P99 < d.Median || runtime.GOOS == "linux" && (d.Used <= 0 || d.Used > 1e3) {
			t.Errorf("the door: %+v", d)
		}
	}
}

// TestCrooked: a fence that does not come about is an error, not a figure.
func TestCrooked(t *testing.T) {
	s := stage(t)
	s.World.Heal = true
	if point, err := s.Fences(t.Context(), bench.Unlimited, 1); err == nil {
		t.Errorf("got %+v, want an error: the sites see each other", point)
	}
}

// TestShare: a process with a small share of a CPU takes longer than its work.
func TestShare(t *testing.T) {
	shares, err := bench.FindShares()
	if err != nil {
		t.Skip("this machine allows no cgroup: ", err)
	}
	run := func(memory int) (cpu, wall time.Duration) {
		made, err := shares.New(fmt.Sprint("test-", memory), memory)
		if err != nil {
			t.Fatal(err)
		}
		defer made.Close()
		script := filepath.Join(t.TempDir(), "work")
		if err := os.WriteFile(script, []byte("#!/bin/sh\ni=0; while [ $i -lt 50000 ]; do i=$((i+1)); done\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		launch := append(made.Launch(), script)
		cmd := exec.CommandContext(t.Context(), launch[0], launch[1:]...)
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		wall = time.Since(began)
		if made.Throttled() == 0 {
			t.Errorf("%d MB: never throttled", memory)
		}
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), wall
	}
	// A fourteenth of a CPU, and room for the first period, which is not limited yet.
	if cpu, wall := run(128); wall < 5*cpu {
		t.Errorf("with a fourteenth of a CPU %v of work took %v", cpu, wall)
	}
}

// TestTrips: a call takes one trip, a new connection two more.
func TestTrips(t *testing.T) {
	const trip = 30 * time.Millisecond
	var line bench.Line
	var distance atomic.Int64
	distance.Store(int64(trip))
	s, err := bench.Serve("service", http.NotFoundHandler(), bench.CertificateOf(t), &line, &distance)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // of this test
	var took [2]time.Duration
	for i := range took {
		began := time.Now()
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Amz-Target", "Service.Operation")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		took[i] = time.Since(began)
	}
	calls := line.Take()
	if len(calls) != 2 || !calls[0].New || calls[1].New || calls[0].Operation != "Operation" || calls[0].Service != "service" {
		t.Fatalf("got %+v", calls)
	}
	if took[0] < 3*trip || took[1] < trip || took[1] > took[0] {
		t.Errorf("the calls took %v, want at least %v and %v", took, 3*trip, trip)
	}
	if rest := line.Take(); rest != nil {
		t.Errorf("a second Take: %v", rest)
	}
}
