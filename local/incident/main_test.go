package incident_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/manifests"
	"github.com/sitefence/sitefence/local/emulator/cache"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/prometheus"
	"github.com/sitefence/sitefence/local/stack"
)

const (
	siteA, siteB = "site-a", "site-b"

	older, newer = infinispan.Version, infinispan.Newer

	// waitScale shortens the waits of the machines; their number stays.
	waitScale = 0.3
	// patience bounds a scenario: a deadline for conditions, not a wait.
	patience = 5 * time.Minute
)

// quick is the generated configuration with short times, which are not what the
// scenarios are about. The straight incident has the ones that are advised.
var quick = manifests.Timing{
	Interval: time.Second, For: time.Second, GroupInterval: time.Second, RepeatInterval: 10 * time.Second,
}

// local is what all scenarios share: the stack, with a deployment for each, and
// two sites of each version.
var local struct {
	stack *stack.Stack
	sites map[string]infinispan.World // by version
	turns map[string]*sync.Mutex      // of the scenarios of a version
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if missing := prerequisites(); missing != nil {
		fmt.Println("incident:", missing)
		if os.Getenv("SITEFENCE_REAL") == "1" {
			return 1
		}
		fmt.Println("incident: skipped")
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	defer end()
	if err := begin(ctx); err != nil {
		fmt.Println("incident:", err)
		return 1
	}
	// Scenarios wait, for their turn too; not for a processor.
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(len(scenarios))); err != nil {
		fmt.Println("incident:", err)
		return 1
	}
	return m.Run()
}

func prerequisites() error {
	root, err := stack.Root()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "node_modules", ".bin", "cdk")); err != nil {
		return errors.New("the CDK command line is not installed: run make setup")
	}
	return infinispan.Available()
}

func begin(ctx context.Context) error {
	dir, err := cache.Dir()
	if err != nil {
		return err
	}
	if _, err := prometheus.Setup(ctx, dir); err != nil {
		return err
	}
	local.sites, local.turns = map[string]infinispan.World{}, map[string]*sync.Mutex{}
	progress := func(s string) { fmt.Println("incident:", s) }
	for _, version := range []string{older, newer} {
		local.turns[version] = &sync.Mutex{}
		local.sites[version], err = infinispan.StartReal(ctx, infinispan.Options{
			CacheDir: filepath.Join(dir, "infinispan"), Version: version, Progress: progress, OneWay: version == older,
		})
		if err != nil {
			return err
		}
	}
	var specs []stack.Spec
	for name, version := range scenarios {
		specs = append(specs, stack.Spec{Name: name, World: local.sites[version]})
	}
	local.stack, err = stack.Start(ctx, stack.Options{Deployments: specs, WaitScale: waitScale, EnforceIAM: true, Progress: progress})
	return err
}

func end() {
	if local.stack != nil {
		local.stack.Close()
	}
	for _, sites := range local.sites {
		if sites != nil {
			sites.Close()
		}
	}
}
