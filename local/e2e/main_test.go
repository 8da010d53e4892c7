package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

const (
	siteA, siteB, siteC = "site-a", "site-b", "site-c"

	// waitScale shortens the waits of the machines; their number stays.
	waitScale = 0.02
	// preferring is the deployment with a preferred site, site-b.
	preferring = "preferring"
	// patience bounds a scenario. It is a deadline for conditions, not a wait.
	patience = 3 * time.Minute
	// leases is how many scenarios run side by side, each on a deployment of its own.
	leases = 5
)

// The passwords that tests rotate to.
const (
	rotatedWebhook    = "rotated-webhook-password"
	rotatedInfinispan = "rotated-infinispan-password"
)

var (
	deployed *stack.Stack
	doubles  = map[string]*infinispan.Double{}
	pool     = make(chan string, leases)
)

// TestMain deploys the stack once for all scenarios.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if missing := prerequisites(); missing != nil {
		if os.Getenv("SITEFENCE_REAL") == "1" {
			fmt.Println("e2e:", missing)
			return 1
		}
		fmt.Println("e2e: skipped:", missing)
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	specs := []stack.Spec{{Name: "stateless", Stateless: []string{siteA, siteB}}}
	for i := range leases {
		name := fmt.Sprintf("pair-%d", i+1)
		specs = append(specs, stack.Spec{Name: name, World: double(name, siteA, siteB)})
		pool <- name
	}
	specs = append(specs, stack.Spec{Name: "trio", World: double("trio", siteA, siteB, siteC)})
	specs = append(specs, stack.Spec{Name: preferring, World: double(preferring, siteA, siteB), Preferred: siteB})
	var err error
	deployed, err = stack.Start(ctx, stack.Options{Deployments: specs, WaitScale: waitScale,
		EnforceIAM: true, // without cdk bootstrap, whose roles it would check too; the demo's tests deploy with it
		Env:        []string{"AWS_ENDPOINT_URL_EVENTBRIDGE=" + busProxy.start()},
		Progress:   func(s string) { fmt.Println("e2e:", s) }})
	if err != nil {
		fmt.Println("e2e:", err)
		return 1
	}
	busProxy.target.Store(deployed.Emulator.URL())
	defer func() {
		deployed.Close()
		for _, d := range doubles {
			d.Close()
		}
	}()
	if err := overheard.attach(ctx); err != nil {
		fmt.Println("e2e: attaching to the bus and the topic:", err)
		return 1
	}
	// Scenarios wait for the emulator, not for a processor.
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(leases)); err != nil {
		fmt.Println("e2e:", err)
		return 1
	}
	code := m.Run()
	if err := errors.Join(noSecretAnywhere(context.Background()), overheard.detach(context.Background())); err != nil {
		fmt.Println("e2e:", err)
		code = 1
	}
	if code == 0 && !filtered() {
		if err := destroy(context.Background()); err != nil {
			fmt.Println("e2e: cdk destroy:", err)
			return 1
		}
	}
	return code
}

// filtered reports whether only some of the tests were asked for.
func filtered() bool {
	run := flag.Lookup("test.run")
	return run != nil && run.Value.String() != ""
}

func double(deployment string, sites ...string) *infinispan.Double {
	d, err := infinispan.NewDouble(infinispan.Options{Sites: sites,
		Password: "infinispan-password-of-" + deployment, LimitedPassword: "limited-password-of-" + deployment})
	if err != nil {
		panic(err)
	}
	keep(d)
	doubles[deployment] = d
	return d
}

func prerequisites() error {
	root, err := stack.Root()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "node_modules", ".bin", "cdk")); err != nil {
		return errors.New("the CDK command line is not installed: run make setup")
	}
	return nil
}
