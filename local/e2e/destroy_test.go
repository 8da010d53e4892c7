package e2e_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// destroy runs `cdk destroy` on the stack that all the scenarios used, and looks
// for what it left: nothing but logs.
func destroy(ctx context.Context) error {
	if err := deployed.Destroy(ctx); err != nil {
		return err
	}
	machines, err := deployed.States().ListStateMachines(ctx, &sfn.ListStateMachinesInput{})
	if err != nil {
		return err
	}
	buses, err := eventbridge.NewFromConfig(deployed.AWS).ListEventBuses(ctx, &eventbridge.ListEventBusesInput{})
	if err != nil {
		return err
	}
	left := len(machines.StateMachines)
	for _, b := range buses.EventBuses {
		if aws.ToString(b.Name) != "default" {
			left++
		}
	}
	functions, _, err := functions(ctx)
	if err != nil {
		return err
	}
	left += len(functions)
	if left > 0 {
		return fmt.Errorf("machines %v, buses %v, functions %v were left", machines.StateMachines, buses.EventBuses, functions)
	}
	groups, err := logGroups(ctx)
	if err != nil {
		return err
	}
	if want := 1 + 8*(leases+3); len(groups) != want {
		return fmt.Errorf("%d log groups were kept, want %d: one for ingest and eight for each deployment", len(groups), want)
	}
	return nil
}
