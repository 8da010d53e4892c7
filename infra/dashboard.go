package infra

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	emf "github.com/sitefence/sitefence/internal/metric"
	"github.com/sitefence/sitefence/internal/query"
)

// DashboardsProps is what there is to see.
type DashboardsProps struct {
	Bus           Bus
	Ingest        Ingest
	Notifications Notifications // where the runbooks are
	Deployments   []Deployment
}

// NewDashboards makes one dashboard for each deployment and notes its name there.
// They show the alarms that the stack has by then.
func NewDashboards(scope constructs.Construct, props DashboardsProps) error {
	alarms := alarmsByDeployment(scope, props.Deployments)
	parent := enter(scope, "Dashboards")
	for i, d := range props.Deployments {
		own := append(alarms[d.Name], alarms[""]...)
		name, err := newDashboard(parent, dashboard{d: d, bus: props.Bus, ingest: props.Ingest, alarms: own, runbooks: props.Notifications.runbook("README")})
		if err != nil {
			return err
		}
		props.Deployments[i].Dashboard = name
	}
	return nil
}

// alarmsByDeployment are the names of the stack's alarms, without the stack's;
// those that all deployments share are under "".
func alarmsByDeployment(scope constructs.Construct, deployments []Deployment) map[string][]string {
	all := map[string][]string{}
	parent := scope.Node().TryFindChild(jsii.String("Alarms"))
	if parent == nil {
		return all
	}
	for _, child := range *parent.Node().Children() {
		name, owner := *child.Node().Id(), ""
		for _, d := range deployments {
			// The longest: eu-prod's are not those of eu.
			if strings.HasPrefix(name, d.Name+"-") && len(d.Name) > len(owner) {
				owner = d.Name
			}
		}
		all[owner] = append(all[owner], name)
	}
	return all
}

// dashboard is what one deployment's dashboard is made of.
type dashboard struct {
	d      Deployment
	bus    Bus
	ingest Ingest
	alarms []string
	// runbooks is the URL of their index.
	runbooks string
}

func newDashboard(scope constructs.Construct, of dashboard) (string, error) {
	stack := owner(scope)
	text, err := of.body().text()
	if err != nil {
		return "", err
	}
	made := awscloudwatch.NewCfnDashboard(scope, jsii.String(of.d.Name), &awscloudwatch.CfnDashboardProps{
		DashboardName: jsii.String(stack + "-" + of.d.Name),
		DashboardBody: awscdk.Fn_Sub(jsii.String(text), of.values(stack)),
	})
	// cfn-lint's copy of CloudFormation's schema has no tags of a dashboard, and one
	// property that a Region does not know fails a whole deployment.
	made.AddPropertyDeletionOverride(jsii.String("Tags"))
	return *made.Ref(), nil
}

// values are what the body's ${names} stand for.
func (of dashboard) values(stack string) *map[string]*string {
	all := map[string]*string{
		"stack": jsii.String(stack), "id": jsii.String(suffix()), "region": awscdk.Aws_REGION(),
		"guard": of.d.Guard.StateMachineArn(), "fence": of.d.Fence.StateMachineArn(), "restore": of.d.Restore.StateMachineArn(),
		"deadletters": of.d.DeadLetters.QueueName(), "bus": jsii.String(of.bus.Name),
		"ingest": of.ingest.Function.FunctionName(),
	}
	if len(of.alarms) > 0 {
		all["alarms"] = jsii.String(regionalARN("cloudwatch", "alarm:"+stack+"-"))
	}
	for name, f := range of.d.Functions {
		all[name] = f.FunctionName()
	}
	return &all
}

// functionNames are the deployment's functions, in the order of a fence's steps as
// far as they are steps, and the stack's ingest at the end.
func (of dashboard) functionNames() []string {
	steps := fenceSteps()
	rest := slices.DeleteFunc(slices.Sorted(maps.Keys(of.d.Functions)), func(s string) bool { return slices.Contains(steps, s) })
	return append(append(steps, rest...), "ingest")
}

// fenceSteps are the functions that a fence calls, in that order.
func fenceSteps() []string { return []string{"checkhealth", "updateaccelerator", "takeoffline"} }

// body lays the dashboard out: what a person who is paged asks first comes first.
// A fence is rare, so a week is shown; CloudWatch then chooses the periods.
func (of dashboard) body() *body {
	d := of.d.Name
	b := &body{Start: "-P7D", PeriodOverride: "auto"}
	b.row(3, markdown(of.links()))
	b.row(4, alarmStates("Alarms of "+d+" and of what all deployments share", of.alarmARNs()))

	b.row(1, markdown("## Fences"))
	b.row(6, executions("Guard: reports of a lost site", "guard"),
		executions("Fence: fences and rejoins", "fence"),
		executions("Restore: ways back", "restore"))
	b.row(6, durations("How long an execution takes: median, max"),
		of.stepDurations("How long a step takes: median, max"),
		logTable("The last fences step by step, seconds", of.machineLog("fence"), query.Steps()))

	b.row(1, markdown("## Alerts (ingest serves all deployments of the stack)"))
	b.row(6, logTable("Answers of ingest by status", of.functionLog("ingest"), query.Answers()),
		logTable("Alerts at the door", of.functionLog("ingest"), query.Alerts(d)),
		logTable("Reports by how the guard ended", of.machineLog("guard"), query.Ends()))
	b.row(6, refusals("Failed logins, refused and truncated"),
		of.paused("Paused, and delivery to the guard"),
		logTable("What the checks decided and why", of.functionLog(d+"-checkhealth"), query.Checks()))

	b.row(1, markdown("## Functions"))
	b.row(6, of.perFunction("Duration (max)", "Duration", "Maximum"),
		of.perFunction("Errors", "Errors", "Sum"),
		of.perFunction("Throttles", "Throttles", "Sum"),
		of.perFunction("Concurrency (max)", "ConcurrentExecutions", "Maximum"))
	return b
}

// links lead to where the person goes from here. The partition is aws: Global
// Accelerator exists in no other.
func (of dashboard) links() string {
	const console = "https://console.aws.amazon.com/"
	machine := func(title, name string) string {
		return "[" + title + "](" + console + "states/home?region=${region}#/statemachines/view/${" + name + "})"
	}
	logs := func(title, filter string) string {
		// The console's own escape of "?logGroupNameFilter=".
		return "[" + title + "](" + console + "cloudwatch/home?region=${region}#logsV2:log-groups$3FlogGroupNameFilter$3D" + filter + ")"
	}
	return "# Sitefence: " + of.d.Name + "\n" +
		"**Executions:** " + machine("guard", "guard") + " (replay here) · " + machine("fence", "fence") + " (redrive here) · " + machine("restore", "restore") + "  \n" +
		"**Logs:** " + logs("of "+of.d.Name, "${stack}-"+of.d.Name+"-") + " · " + logs("of ingest", "${stack}-ingest-") + "  \n" +
		"**Runbooks:** [what to do for each alarm](" + of.runbooks + ")\n"
}

func (of dashboard) alarmARNs() []string {
	var arns []string
	for _, name := range of.alarms {
		arns = append(arns, "${alarms}"+name)
	}
	return arns
}

func (of dashboard) machineLog(machine string) string {
	return logGroupName("/aws/vendedlogs/states", "${stack}", of.d.Name+"-"+machine, "${id}")
}

func (of dashboard) functionLog(label string) string {
	return logGroupName("/aws/lambda", "${stack}", label, "${id}")
}

// executions are a machine's, by how they ended. They stand in the order of
// CloudWatch's colors: blue, orange, green for succeeded, red for failed, purple.
func executions(title, machine string) widget {
	of := func(name, label string) line {
		return line{"AWS/States", name, []string{"StateMachineArn", "${" + machine + "}"}, "", label}
	}
	return graph(title, "Sum",
		of("ExecutionsStarted", "started"), of("ExecutionsTimedOut", "timed out"), of("ExecutionsSucceeded", "succeeded"),
		of("ExecutionsFailed", "failed"), of("ExecutionsAborted", "aborted"))
}

// durations are the machines'. They come when an execution has ended.
func durations(title string) widget {
	var lines []line
	for _, machine := range []string{"guard", "fence", "restore"} {
		of := []string{"StateMachineArn", "${" + machine + "}"}
		lines = append(lines, line{"AWS/States", "ExecutionTime", of, "", machine},
			line{"AWS/States", "ExecutionTime", of, "Maximum", machine + ", max"})
	}
	return graph(title, "Sum", lines...)
}

func (of dashboard) stepDurations(title string) widget {
	var lines []line
	for _, step := range fenceSteps() {
		slowest := lambda(step, "Duration")
		slowest.stat, slowest.label = "Maximum", step+", max"
		lines = append(lines, lambda(step, "Duration"), slowest)
	}
	return graph(title, "Sum", lines...)
}

// lambda is a function's metric.
func lambda(function, name string) line {
	return line{"AWS/Lambda", name, []string{"FunctionName", "${" + function + "}"}, "", function}
}

// counted is one of Sitefence's own metrics.
func counted(function, name, label string) line {
	return line{emf.Namespace, name, []string{emf.Dimension, "${" + function + "}"}, "", label}
}

// refusals are what ingest let nobody in for, or dropped.
func refusals(title string) widget {
	failed := lambda("ingest", "Url5xxCount")
	failed.label = "answers 5xx"
	return graph(title, "Sum",
		counted("ingest", emf.FailedLogins, "failed logins"), counted("ingest", emf.RefusedRequests, "refused requests"),
		counted("ingest", emf.RefusedAlerts, "refused alerts"), counted("ingest", emf.TruncatedAlerts, "alerts left out"),
		failed)
}

// paused also has the way from the bus to the guard: what is lost there is lost.
func (of dashboard) paused(title string) widget {
	rule := []string{"EventBusName", "${bus}", "RuleName", of.d.RuleName}
	return graph(title, "Sum",
		counted("checkhealth", emf.PausedReports, "reports held back"), counted("checkhealth", emf.BrokenPauses, "unreadable pauses"),
		line{"AWS/SQS", "ApproximateNumberOfMessagesVisible", []string{"QueueName", "${deadletters}"}, "Maximum", "dead letters"},
		line{"AWS/Events", "FailedInvocations", rule, "", "failed deliveries"})
}

func (of dashboard) perFunction(title, name, stat string) widget {
	var lines []line
	for _, f := range of.functionNames() {
		lines = append(lines, lambda(f, name))
	}
	return graph(title, "Sum", lines...)
}
