package infra

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	emf "github.com/sitefence/sitefence/internal/metric"
)

// checkEvery is how far apart the checks for drift are, in minutes.
const checkEvery = 5

// driftCheck lets a deployment's Inspect function look for drift.
func driftCheck(d Deployment) (schedule, error) {
	input, err := json.Marshal(contract.InspectInput{Version: contract.Version, Deployment: d.Name, Drift: true})
	if err != nil {
		return schedule{}, fmt.Errorf("encoding the check's input: %w", err)
	}
	return schedule{
		id: "Drift", name: d.Name + "-drift",
		description: "Sitefence: checks " + d.Name + " for drift; read only",
		minutes:     checkEvery,
		function:    d.Inspect,
		input:       string(input),
		age:         240, tries: 3, // over before the next check
	}, nil
}

// driftAlarms are those of one deployment's checks.
func driftAlarms(c config.Drift, d Deployment) []alarm {
	if !c.Enabled {
		return nil
	}
	function := d.Inspect.FunctionName()
	counted := func(name string) metric {
		return metric{emf.Namespace, name, "Sum", map[string]*string{emf.Dimension: function}}
	}
	hours := int(c.OneSiteLeftAfter / time.Hour)
	return []alarm{
		{
			// A fence or a restore passes through states that would be drift if they
			// stayed, and one look is no moment but a second or two. So: two of three
			// checks, which is ten minutes.
			name: d.Name + "-drift", runbook: "drift",
			do:      "Read which findings the log of Inspect names: " + d.Name + " is not as its last fence or restore left it, and writes or logins may fail.",
			metric:  counted(emf.Drift),
			seconds: checkEvery * 60, periods: 3, atLeast: 2,
			recovers: true,
		}, {
			// The function remembers nothing, so the alarm counts: hours in which most
			// of the twelve checks found one site alone. (One check would let an hour
			// of a flapping site count, all of them one that a failed check spoils.)
			name: d.Name + "-one-site-left", runbook: "one-site-left",
			do:      fmt.Sprintf("Bring the other site of %s back: one site has served alone for %d hours, and the next failure is an outage.", d.Name, hours),
			metric:  counted(emf.OneSiteLeft),
			seconds: 3600, periods: hours, threshold: 60 / checkEvery / 2,
			recovers: true,
		}, {
			// Lambda counts an error for each invocation as 0 or 1, so that the least is
			// 1 when none was well, and missing when there was none: a heartbeat for
			// nothing. (It tries a check that failed three times, within a period.)
			// Whoever calls Inspect by hand stands in for the schedule only as long as
			// they do.
			name: d.Name + "-drift-check-failing", runbook: "drift-check-failing",
			do:      "Read the log of Inspect, and look at the schedule " + d.Name + "-drift if it is silent: the checks of " + d.Name + " for drift fail or do not come, so nobody would notice drift.",
			metric:  metric{"AWS/Lambda", "Errors", "Minimum", map[string]*string{"FunctionName": function}},
			seconds: checkEvery * 60, periods: 3,
			stops: true, recovers: true,
		},
	}
}

// lookAfter is what Inspect needs to look after the rules and to know what runs:
// its environment and permissions.
func lookAfter(props DeploymentProps) (map[string]string, []awsiam.PolicyStatement) {
	name := props.Deployment.Name
	rules := append([]string{triggerRule(name)}, props.Rules...)
	var arns []string
	for _, r := range rules {
		arns = append(arns, props.Bus.ruleARN(r))
	}
	// ARNs made of names: a reference to what refers to the function, however far
	// around, would be a cycle.
	fence, restore := machineARN(machineName(name, "fence")), machineARN(machineName(name, "restore"))
	return map[string]string{
			config.EnvBus: props.Bus.Name, config.EnvRules: strings.Join(rules, ","),
			config.EnvFenceMachine: fence, config.EnvRestoreMachine: restore,
		}, []awsiam.PolicyStatement{
			allowEach("ReadRules", arns, "events:DescribeRule"),
			allowEach("SeeWhatRuns", []string{fence, restore}, "states:ListExecutions"),
		}
}
