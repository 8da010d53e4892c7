// Package query holds the dashboards' queries of CloudWatch Logs Insights: what is
// counted in a log only, since a metric of it would cost money while nobody looks.
//
// Every field and value that a query names is in a line that the function really
// writes; the package's tests run the functions and look.
package query

import "fmt"

// Answers counts ingest's answers by status and reason, over ingest's log: it
// writes one line with a status for each request.
func Answers() string {
	return "filter ispresent(status) | stats count(*) as requests by status, reason | sort status"
}

// Alerts counts what became of the alerts, over ingest's log: put on the bus for
// this deployment, or refused. A refused alert is often one whose deployment
// cannot be told, so those of all are counted.
func Alerts(deployment string) string {
	return fmt.Sprintf("filter message in ['event put', 'event not put', 'alert refused'] and (not ispresent(deployment) or deployment = '%s')"+
		" | stats count(*) as alerts by message, reason | sort alerts desc", deployment)
}

// Checks counts what the checks decided and why, over checkhealth's log.
func Checks() string {
	return "filter message in ['decided', 'cannot decide'] | stats count(*) as checks by decision, reason | sort checks desc"
}

// Ends counts how executions ended, over a machine's log: by the name of their
// last state. The log's types are those of the execution's history.
func Ends() string {
	return "filter type in ['SucceedStateEntered', 'FailStateEntered'] | fields details.name as end | stats count(*) as executions by end | sort executions desc"
}

// Steps tells how long each step and each wait of the last executions took, over
// a machine's log. The retries of a step and the pauses between them are in it.
// The metric LambdaFunctionTime cannot: a task by lambda:invoke has none (Step
// Functions' guide, "Lambda function metrics").
func Steps() string {
	return "filter type in ['TaskStateEntered', 'TaskStateExited', 'WaitStateEntered', 'WaitStateExited']" +
		" | fields details.name as step" +
		" | parse execution_arn 'arn:*:execution:*:*' as arn, machine, execution" +
		" | stats min(@timestamp) as start, (max(@timestamp) - min(@timestamp)) / 1000 as seconds by execution, step" +
		" | sort start desc | limit 40"
}
