package infra

import (
	"cmp"
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	emf "github.com/sitefence/sitefence/internal/metric"
)

// AlarmsProps is everything that can fail without anyone noticing.
type AlarmsProps struct {
	Notifications Notifications // the topic that every alarm tells
	Bus           Bus
	Ingest        Ingest
	Deployments   []Deployment
	Schedules     Schedules // of the deployments; the zero value: none
}

// alarm is one metric, which as a rule must stay at zero. The functions of the fence have
// none for their errors: the machines retry them, and what retries do not mend fails a machine.
type alarm struct {
	name    string // behind the stack's name
	do      string // what to do, the first words that the person on call reads
	runbook string // docs/runbooks/<runbook>.md
	metric  metric
	// minutes of the last five in which the metric must be above zero; 0: one of one
	minutes int
	// seconds is the length of a period, periods how many in a row must be bad,
	// and threshold what is bad; 0: 60 seconds, one, and 1.
	seconds, periods int
	threshold        float64
	// atLeast is how many of the periods must be bad, in any order; 0: all.
	atLeast int
	// silence: what is bad is a metric below the threshold, or missing.
	silence bool
	// stops: a metric that was there and is missing is bad too. It is told when the
	// alarm loses its data, so that a new stack, which has none yet, is quiet.
	stops bool
	// recovers: the return to zero is news too. A count of failures falls back
	// after a minute by itself, and an "OK" for that would be a lie.
	recovers bool
}

type metric struct {
	namespace, name, statistic string
	dimensions                 map[string]*string
}

// NewAlarms makes the alarms: plain ones on one metric each, with the topic as
// their action.
func NewAlarms(scope constructs.Construct, props AlarmsProps) {
	// The topic lets alarms of its own owner publish.
	scope = enterAs(scope, "Alarms", props.Notifications.owner)
	all := append(ingestAlarms(props.Ingest), scheduleAlarms(props.Schedules)...)
	for _, rule := range props.Notifications.RuleNames {
		all = append(all, noticeAlarm(props.Bus, rule))
	}
	for _, d := range props.Deployments {
		all = append(all, machineAlarms(d)...)
		all = append(all, restoreAlarms(d)...)
		all = append(all, triggerAlarms(props.Bus, d)...)
		all = append(all, throttleAlarms(d)...)
		all = append(all, pauseAlarm(d))
		all = append(all, silentAlarms(props.Ingest, d)...)
		all = append(all, driftAlarms(props.Schedules.drift, d)...)
	}
	for _, a := range all {
		newAlarm(scope, a, props.Notifications)
	}
}

func newAlarm(scope constructs.Construct, a alarm, news Notifications) {
	window := max(a.periods, 1)
	bad := cmp.Or(a.atLeast, window)
	if a.minutes > 0 {
		window, bad = 5, a.minutes
	}
	// Nothing happens most of the time, and then AWS sends no data.
	compare, missing := awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD, awscloudwatch.TreatMissingData_NOT_BREACHING
	if a.silence {
		compare, missing = awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD, awscloudwatch.TreatMissingData_BREACHING
	}
	if a.stops {
		missing = awscloudwatch.TreatMissingData_MISSING
	}
	made := awscloudwatch.NewAlarm(scope, jsii.String(a.name), &awscloudwatch.AlarmProps{
		AlarmName:        jsii.String(owner(scope) + "-" + a.name),
		AlarmDescription: jsii.String(a.do + " Runbook: " + news.runbook(a.runbook)),
		Metric: awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
			Namespace:     jsii.String(a.metric.namespace),
			MetricName:    jsii.String(a.metric.name),
			DimensionsMap: &a.metric.dimensions,
			Statistic:     jsii.String(a.metric.statistic),
			Period:        awscdk.Duration_Seconds(jsii.Number(cmp.Or(a.seconds, 60))),
		}),
		Threshold:          jsii.Number(cmp.Or(a.threshold, 1)),
		ComparisonOperator: compare,
		EvaluationPeriods:  jsii.Number(window),
		DatapointsToAlarm:  jsii.Number(bad),
		TreatMissingData:   missing,
	})
	for _, topic := range []awssns.Topic{news.Topic, news.Chat} {
		if topic == nil {
			continue
		}
		action := awscloudwatchactions.NewSnsAction(topic)
		made.AddAlarmAction(action)
		if a.recovers {
			made.AddOkAction(action)
		}
		if a.stops {
			made.AddInsufficientDataAction(action)
		}
	}
}

// minutesText writes whole minutes.
func minutesText(d time.Duration) string { return fmt.Sprintf("%d minutes", d/time.Minute) }

func machineAlarms(d Deployment) []alarm {
	of := func(arn *string, name string) metric {
		return metric{"AWS/States", name, "Sum", map[string]*string{"StateMachineArn": arn}}
	}
	guard, fence := d.Guard.StateMachineArn(), d.Fence.StateMachineArn()
	return []alarm{
		{
			name: d.Name + "-guard-failed", runbook: "guard-failed",
			do:     "Decide by hand whether a site of " + d.Name + " must be fenced: a report of a site that is offline could not be decided, and nothing was changed. Read the cause of the failed execution of the guard.",
			metric: of(guard, "ExecutionsFailed"),
		}, {
			name: d.Name + "-guard-timed-out", runbook: "guard-stopped",
			do:     "Look whether another guard or a fence of " + d.Name + " runs, or a newer one ended well. If not, nobody works on the report of the guard that timed out: act by the runbook. Its own steps took three hours; its history says which.",
			metric: of(guard, "ExecutionsTimedOut"),
		}, {
			name: d.Name + "-guard-aborted", runbook: "guard-stopped",
			do:     "Find out who stopped the guard of " + d.Name + " and why: the report that it was working on is lost until Alertmanager repeats it.",
			metric: of(guard, "ExecutionsAborted"),
		}, {
			name: d.Name + "-fence-failed", runbook: "fence-failed",
			do:     "Look at once which site of " + d.Name + " serves, and read the cause of the failed execution of the fence: it may have stopped half-way, and then writes at the surviving site fail. (A rejoin that failed is told here too: then the survivor serves.)",
			metric: of(fence, "ExecutionsFailed"),
		}, {
			name: d.Name + "-fence-timed-out", runbook: "fence-stopped",
			do:     "Look at once which site of " + d.Name + " serves: a fence ran out of time and may have stopped half-way. Then start the guard's execution anew, unless the runbook says otherwise of its input.",
			metric: of(fence, "ExecutionsTimedOut"),
		}, {
			name: d.Name + "-fence-aborted", runbook: "fence-stopped",
			do:     "Look at once which site of " + d.Name + " serves: somebody stopped a fence and it may be half-way. Then start the guard's execution anew, unless the runbook says otherwise of its input.",
			metric: of(fence, "ExecutionsAborted"),
		},
	}
}

// ruleMetric is a metric of a rule. Rules of a custom bus have both dimensions.
func ruleMetric(b Bus, rule, name string) metric {
	return metric{"AWS/Events", name, "Sum", map[string]*string{
		"EventBusName": jsii.String(b.Name), "RuleName": jsii.String(rule),
	}}
}

func triggerAlarms(b Bus, d Deployment) []alarm {
	lost := "Look whether a site of " + d.Name + " must be fenced: a report of a site that is offline did not reach the guard, and nobody works on it."
	return []alarm{
		{
			name: d.Name + "-dead-letters", runbook: "event-not-delivered",
			do: lost + " The event is in the queue of dead letters.",
			metric: metric{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", map[string]*string{
				"QueueName": d.DeadLetters.QueueName(),
			}},
			recovers: true,
		}, {
			name: d.Name + "-event-failed", runbook: "event-not-delivered", do: lost,
			metric: ruleMetric(b, d.RuleName, "FailedInvocations"),
		}, {
			name: d.Name + "-dead-letter-lost", runbook: "event-not-delivered",
			do:     lost + " It could not be kept as a dead letter either.",
			metric: ruleMetric(b, d.RuleName, "InvocationsFailedToBeSentToDlq"),
		},
	}
}

// noticeAlarm goes another way to the same topic (CloudWatch instead of
// EventBridge), for when a rule's message was refused there.
func noticeAlarm(b Bus, rule string) alarm {
	return alarm{
		name: rule + "-not-sent", runbook: "notice-not-delivered",
		do:     "Read the latest executions of the fence machines: a message about a fence could not be sent.",
		metric: ruleMetric(b, rule, "FailedInvocations"),
	}
}

func ingestAlarms(i Ingest) []alarm {
	of := func(name string) metric {
		return metric{"AWS/Lambda", name, "Sum", map[string]*string{"FunctionName": i.Function.FunctionName()}}
	}
	counted := func(name string) metric { return own(i.Function.FunctionName(), name) }
	return []alarm{
		{
			name: "ingest-crashed", runbook: "ingest-failing",
			do:     "Read ingest's log: it crashed or timed out on a request, and an alert may not have been heard.",
			metric: of("Errors"),
		}, {
			// Alertmanager drops what is answered 429 until it repeats the alert.
			name: "ingest-throttled", runbook: "ingest-throttled",
			do:       "Find out who floods the ingest URL, or raise the account's concurrency: alerts are refused.",
			metric:   of("Throttles"),
			recovers: true,
		}, {
			// Alertmanager tries a 5xx again, so that one is no reason to wake
			// anybody; two minutes with one in five minutes are.
			name: "ingest-failing", runbook: "ingest-failing",
			do:       "Read ingest's log: it keeps answering 5xx, so alerts are not heard.",
			metric:   of("Url5xxCount"),
			minutes:  2,
			recovers: true,
		}, {
			// Answered 2xx, since sending it again would change nothing; so
			// somebody must be told in another way.
			name: "alert-refused", runbook: "alert-refused",
			do:     "Compare the labels of the alert with the configuration: an alert that fires was refused, and nobody works on it. Ingest's log says which and why.",
			metric: counted(emf.RefusedAlerts),
		}, {
			name: "alerts-truncated", runbook: "alerts-truncated",
			do:     "Remove max_alerts from the webhook in Alertmanager: it left alerts out, and a site that is offline may be among them.",
			metric: counted(emf.TruncatedAlerts),
		}, {
			name: "request-refused", runbook: "request-refused",
			do:     "Compare Alertmanager's password with the webhook's secret: a request by the webhook's user was answered 4xx, which Alertmanager does not send again at once.",
			metric: counted(emf.RefusedRequests),
		}, {
			// One is nothing: whatever is on the internet is knocked at.
			name: "failed-logins", runbook: "failed-logins",
			do:     "See who tries the ingest URL: within five minutes at least 100 requests did not even have the right user. If one of your Alertmanagers is among them, its alerts are not heard.",
			metric: counted(emf.FailedLogins), seconds: 300, threshold: 100,
			recovers: true,
		},
	}
}
