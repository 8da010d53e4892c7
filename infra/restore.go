package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/statemachine"
)

// newRestore makes the restore machine and the function that does its steps. The
// function lists the executions of all three machines of the deployment, and the
// machine calls the function: as with the fence, ARNs made of names keep the
// references from going round in a circle.
func newRestore(scope constructs.Construct, props DeploymentProps, guard awsstepfunctions.StateMachine) (awsstepfunctions.StateMachine, awslambda.Function, error) {
	name := props.Deployment.Name
	restoreName := machineName(name, "restore")
	machines := map[string]string{
		config.EnvGuardMachine:   machineARN(machineName(name, "guard")),
		config.EnvFenceMachine:   machineARN(machineName(name, "fence")),
		config.EnvRestoreMachine: machineARN(restoreName),
	}
	code, err := props.Assets.Stage(name, "resync", props.Deployment)
	if err != nil {
		return nil, nil, err
	}
	statements := append(readAccelerator(props.Deployment.Accelerator.ARN), infinispanSecrets(props.Deployment, props.Tuning)...)
	resync := newFunction(scope, "Resync", functionProps{
		Label:          name + "-resync",
		Description:    "Sitefence: makes the data of a fenced site equal to the survivor's, and says when it may rejoin",
		Code:           code,
		TimeoutSeconds: contract.ResyncTimeout,
		Environment:    machines,
		Statements: append(statements,
			allowEach("SeeWhatRuns", []string{machines[config.EnvGuardMachine], machines[config.EnvFenceMachine], machines[config.EnvRestoreMachine]},
				"states:ListExecutions"),
			readTargets(),
		),
		// Two restores must not interleave what they prove and what they clear.
		Reserved: 1,
		Tuning:   props.Tuning,
		Package:  "resync",
		Network:  props.network,
	})
	restore, err := newMachine(scope, "Restore", machineProps{
		Label:      name + "-restore",
		Name:       restoreName,
		Definition: statemachine.Restore,
		Assets:     props.Assets,
		Substitutions: map[string]string{
			"ResyncFunctionArn": *resync.FunctionArn(),
			"GuardMachineArn":   *guard.StateMachineArn(),
		},
		Statements: []awsiam.PolicyStatement{
			allow("InvokeResync", *resync.FunctionArn(), "lambda:InvokeFunction"),
			allow("AskForTheTurn", *guard.StateMachineArn(), "states:StartExecution"),
		},
		Tuning: props.Tuning,
	})
	return restore, resync, err
}

// restoreAlarms are those of the restore machine. A restore is followed by the
// person who started it, but it may fail long after that terminal was closed.
func restoreAlarms(d Deployment) []alarm {
	of := func(name string) metric {
		return metric{"AWS/States", name, "Sum", map[string]*string{"StateMachineArn": d.Restore.StateMachineArn()}}
	}
	return []alarm{
		{
			name: d.Name + "-restore-failed", runbook: "restore-failed",
			do:     "Read the cause of the failed restore of " + d.Name + ": the site that was to come back is still out, and if the state Undo failed, writes at the survivor depend on the link again.",
			metric: of("ExecutionsFailed"),
		}, {
			name: d.Name + "-restore-timed-out", runbook: "restore-failed",
			do:     "Abort the restore of " + d.Name + " with `sitefence restore --abort`: it ran out of time, and writes at the survivor may depend on the link again.",
			metric: of("ExecutionsTimedOut"),
		}, {
			// `sitefence restore --abort` stops one too, and then undoes it: a page too
			// many, and the next shift knows. Stopped in the console, nothing is undone.
			name: d.Name + "-restore-aborted", runbook: "restore-failed",
			do:     "See whether the restore of " + d.Name + " was undone: somebody stopped it. After a stop in the console run `sitefence restore --abort`, or writes at the survivor may depend on the link again.",
			metric: of("ExecutionsAborted"),
		},
	}
}
