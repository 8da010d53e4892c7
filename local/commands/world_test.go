package commands_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/stack"
)

const webhookPassword = stack.WebhookPassword

// reset makes the world good again: what runs is stopped, both sites of every
// deployment serve, replicate and are empty, nothing is paused.
func reset(ctx context.Context) error {
	if err := stopAll(ctx); err != nil {
		return err
	}
	double.Reset()
	for _, s := range double.Sites() {
		double.ClearFaults(s.Name)
		if err := double.RestartSite(ctx, s.Name); err != nil {
			return err
		}
	}
	deployed.Accelerator.Edit("reset", func(st *ga.State) {
		for i, a := range st.Accelerators {
			var endpoints []ga.Endpoint
			for _, name := range []string{siteA, siteB} {
				endpoints = append(endpoints, ga.NewEndpoint(deployed.Deployment(a.Name).Balancers[name]))
			}
			l := ga.NewListener(443, ga.NewGroup(stack.Region, endpoints...))
			l.ARN = a.ARN + "/listener/00000001"
			l.Groups[0].ARN = l.ARN + "/endpoint-group/000000000001"
			st.Accelerators[i].Listeners = []ga.Listener{l}
		}
	})
	for key, name := range deployed.Outputs {
		if !strings.HasPrefix(key, "PauseParameter") {
			continue
		}
		if _, err := ssm.NewFromConfig(deployed.AWS).PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String(name), Value: aws.String("{}"), Type: "String", Overwrite: aws.Bool(true),
		}); err != nil {
			return fmt.Errorf("ending the pause %s: %w", name, err)
		}
	}
	return nil
}

// stopAll ends every execution, guards first: a guard starts a fence.
func stopAll(ctx context.Context) error {
	for _, kind := range []string{"Restore", "Guard", "Fence"} {
		for key, machine := range deployed.Outputs {
			if !strings.HasPrefix(key, kind+"MachineArn") {
				continue
			}
			if err := stopMachine(ctx, machine); err != nil {
				return err
			}
		}
	}
	return nil
}

func stopMachine(ctx context.Context, machine string) error {
	states := deployed.States()
	for {
		out, err := states.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: types.ExecutionStatusRunning})
		if err != nil {
			return fmt.Errorf("listing what runs at %s: %w", machine, err)
		}
		if len(out.Executions) == 0 {
			return nil
		}
		for _, e := range out.Executions {
			_, err := states.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: e.ExecutionArn})
			if err != nil && strings.Contains(err.Error(), "not running") {
				continue // it has ended since it was listed
			}
			if err != nil {
				return fmt.Errorf("stopping %s: %w", aws.ToString(e.Name), err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the end of what runs at %s: %w", machine, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// present lists the sites with an endpoint in a deployment's accelerator, sorted.
func present(d *stack.Deployment) []string {
	var sites []string
	for _, a := range deployed.Accelerator.Snapshot().Accelerators {
		if a.ARN != d.Accelerator.ARN {
			continue
		}
		for _, l := range a.Listeners {
			for _, g := range l.Groups {
				for _, e := range g.Endpoints {
					for site, arn := range d.Balancers {
						if arn == e.ID && !slices.Contains(sites, site) {
							sites = append(sites, site)
						}
					}
				}
			}
		}
	}
	slices.Sort(sites)
	return sites
}

// healthChecks are the accelerator's: an endpoint that was put back is found well
// after a moment. The function that it returns ends them.
func healthChecks() func() {
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			for _, a := range deployed.Accelerator.Snapshot().Accelerators {
				for _, l := range a.Listeners {
					for _, g := range l.Groups {
						for _, e := range g.Endpoints {
							if e.Health == ga.Initial {
								deployed.Accelerator.SetHealth(e.ID, ga.Healthy)
							}
						}
					}
				}
			}
		}
	})
	return func() {
		close(done)
		wait.Wait()
	}
}

// started waits for the execution of the machine that was not there before.
func started(ctx context.Context, machine string, before []stack.Execution) (stack.Execution, error) {
	for {
		all, err := deployed.Executions(ctx, machine)
		if err != nil {
			return stack.Execution{}, err
		}
		for _, e := range all {
			if !slices.ContainsFunc(before, func(old stack.Execution) bool { return old.ARN == e.ARN }) {
				return deployed.Wait(ctx, e.ARN)
			}
		}
		select {
		case <-ctx.Done():
			return stack.Execution{}, errors.New("no guard execution came of the alert")
		case <-time.After(50 * time.Millisecond):
		}
	}
}
