package infra_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wantAlarms is each alarm's metric and runbook: nothing that fails without a
// witness may lack one.
func wantAlarms() map[string]string {
	function := " FunctionName=${Ingest/Ingest/Function} "
	want := map[string]string{
		"sitefence-ingest-crashed":   "AWS/Lambda Errors" + function + "1/1 → ingest-failing",
		"sitefence-ingest-throttled": "AWS/Lambda Throttles" + function + "1/1 → ingest-throttled, says when it is over",
		"sitefence-ingest-failing":   "AWS/Lambda Url5xxCount" + function + "2/5 → ingest-failing, says when it is over",
		"sitefence-alert-refused":    "Sitefence RefusedAlerts" + function + "1/1 → alert-refused",
		"sitefence-request-refused":  "Sitefence RefusedRequests" + function + "1/1 → request-refused",
		"sitefence-failed-logins":    "Sitefence FailedLogins" + function + "1/1 of 300 s with 100 → failed-logins, says when it is over",
		"sitefence-alerts-truncated": "Sitefence TruncatedAlerts" + function + "1/1 → alerts-truncated",
		"sitefence-schedule-failed":  "AWS/Scheduler InvocationDroppedCount ScheduleGroup=${Schedules/Group} 1/1 of 300 s with 1 → drift-check-failing",
	}
	rule := func(name string) string { return " EventBusName=${Bus} RuleName=" + name + " 1/1 → " }
	for _, notice := range []string{"take-offline-still-trying", "site-fenced", "site-rejoined"} {
		want["sitefence-"+notice+"-not-sent"] = "AWS/Events FailedInvocations" + rule(notice) + "notice-not-delivered"
	}
	for _, d := range []string{"eu-prod", "shop"} {
		for _, machine := range []string{"Guard", "Fence"} {
			name, of := strings.ToLower(machine), " StateMachineArn=${"+d+"/"+machine+"/Machine} 1/1 → "
			want["sitefence-"+d+"-"+name+"-failed"] = "AWS/States ExecutionsFailed" + of + name + "-failed"
			want["sitefence-"+d+"-"+name+"-timed-out"] = "AWS/States ExecutionsTimedOut" + of + name + "-stopped"
			want["sitefence-"+d+"-"+name+"-aborted"] = "AWS/States ExecutionsAborted" + of + name + "-stopped"
		}
		restore := " StateMachineArn=${" + d + "/Restore/Machine} 1/1 → restore-failed"
		want["sitefence-"+d+"-restore-failed"] = "AWS/States ExecutionsFailed" + restore
		want["sitefence-"+d+"-restore-timed-out"] = "AWS/States ExecutionsTimedOut" + restore
		want["sitefence-"+d+"-restore-aborted"] = "AWS/States ExecutionsAborted" + restore
		// The one that runs alone is throttled by design while another one runs.
		for id, minutes := range map[string]string{"CheckHealth": "1/1", "TakeOffline": "1/1", "UpdateAccelerator": "3/5"} {
			want["sitefence-"+d+"-"+strings.ToLower(id)+"-throttled"] = "AWS/Lambda Throttles FunctionName=${" + d + "/" + id + "/Function} " +
				minutes + " → function-throttled, says when it is over"
		}
		want["sitefence-"+d+"-pause-broken"] = "Sitefence BrokenPauses FunctionName=${" + d + "/CheckHealth/Function} 1/1 → pause-broken"
		want["sitefence-"+d+"-dead-letters"] = "AWS/SQS ApproximateNumberOfMessagesVisible QueueName=${" + d +
			"/DeadLetters.QueueName} 1/1 → event-not-delivered, says when it is over"
		want["sitefence-"+d+"-event-failed"] = "AWS/Events FailedInvocations" + rule(d+"-site-offline") + "event-not-delivered"
		want["sitefence-"+d+"-dead-letter-lost"] = "AWS/Events InvocationsFailedToBeSentToDlq" + rule(d+"-site-offline") + "event-not-delivered"
	}
	return want
}

// runbook: what to do and what happened, then the page.
var runbook = regexp.MustCompile(`^[A-Z][^.]*[.:] .*Runbook: https://github\.com/sitefence/sitefence/blob/main/docs/runbooks/([a-z0-9-]+)\.md$`)

func TestEveryFailurePages(t *testing.T) {
	s := synth(t, "full", full)
	got := map[string]string{}
	for path, a := range s.of("AWS::CloudWatch::Alarm") {
		p := a.Properties
		for _, simple := range []string{"Metrics", "ExtendedStatistic"} {
			if p[simple] != nil {
				t.Errorf("%s: %s, want a plain alarm on one metric", path, simple)
			}
		}
		// Those that watch the watch have periods of their own: drift_test.go.
		ofDrift := driftAlarm.MatchString(s.text(p["AlarmName"]))
		if !ofDrift && (p["ComparisonOperator"] != "GreaterThanOrEqualToThreshold" || p["TreatMissingData"] != "notBreaching") {
			t.Errorf("%s: %v", path, p)
		}
		if topic := "${Notifications/Topic}"; s.text(p["AlarmActions"]) != topic || p["OKActions"] != nil && s.text(p["OKActions"]) != topic {
			t.Errorf("%s: actions %v %v, want the topic", path, p["AlarmActions"], p["OKActions"])
		}
		description := s.text(p["AlarmDescription"])
		m := runbook.FindStringSubmatch(description)
		if m == nil {
			t.Errorf("%s: description %q, want what to do, then the runbook", path, description)
			continue
		}
		readRunbook(t, m[1])
		line := fmt.Sprintf("%s %v/%v", s.metric(p), p["DatapointsToAlarm"], p["EvaluationPeriods"])
		if p["Period"] != 60.0 || p["Threshold"] != 1.0 {
			line += fmt.Sprintf(" of %v s with %v", p["Period"], p["Threshold"])
		}
		if ofDrift {
			continue
		}
		line += " → " + m[1]
		if p["OKActions"] != nil {
			line += ", says when it is over"
		}
		got[s.text(p["AlarmName"])] = line
	}
	if diff := cmp.Diff(wantAlarms(), got); diff != "" {
		t.Errorf("alarms (-want +got):\n%s", diff)
	}
}

func TestTopicAdmitsItsTwoPublishers(t *testing.T) {
	s := synth(t, "full", full)
	policies := s.of("AWS::SNS::TopicPolicy")
	if len(policies) != 1 {
		t.Fatalf("%d topic policies", len(policies))
	}
	topic := "${Notifications/Topic}"
	want := []string{
		"* : Deny AllowPublishThroughSSLOnly: sns:Publish on " + topic + " if Bool aws:SecureTransport false",
		"cloudwatch.amazonaws.com: Alarms: sns:Publish on " + topic + " if ArnLike aws:SourceArn " + here("cloudwatch") +
			"alarm:sitefence-*; StringEquals aws:SourceAccount ${AWS::AccountId}",
		"events.amazonaws.com: Notices: sns:Publish on " + topic,
	}
	for _, p := range policies {
		var got []string
		for _, st := range statements(p.Properties["PolicyDocument"]) {
			who := "* "
			if principal, ok := st["Principal"].(map[string]any); ok {
				who = s.text(principal["Service"])
			}
			got = append(got, who+": "+s.statement(st))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("topic policy (-want +got):\n%s", diff)
		}
	}
	for _, x := range s.of("AWS::SNS::Topic") {
		if x.Properties["KmsMasterKeyId"] != nil {
			t.Errorf("a key that was not asked for: %v", x.Properties)
		}
	}
	for _, x := range synth(t, "bare", bare).of("AWS::SNS::Topic") {
		if x.Properties["KmsMasterKeyId"] != "arn:aws:kms:eu-west-1:111122223333:key/1234" {
			t.Errorf("key %v", x.Properties["KmsMasterKeyId"])
		}
	}
	for _, x := range s.of("AWS::SNS::Subscription") {
		if x.Properties["Protocol"] != "email" || x.Properties["Endpoint"] != "oncall@example.com" {
			t.Errorf("subscription %v", x.Properties)
		}
	}
}

var field = regexp.MustCompile(`<([a-z]+)>`)

func TestNoticesAreReadable(t *testing.T) {
	s := synth(t, "full", full)
	for path, detailType := range map[string]string{
		"Notifications/StillTrying":  "Take Offline Still Trying",
		"Notifications/SiteFenced":   "Site Fenced",
		"Notifications/SiteRejoined": "Site Rejoined",
	} {
		p := s.one(t, "AWS::Events::Rule", path).Properties
		want := map[string]any{"source": []any{"sitefence"}, "detail-type": []any{detailType}}
		if diff := cmp.Diff(want, p["EventPattern"]); diff != "" {
			t.Errorf("%s: pattern (-want +got):\n%s", path, diff)
		}
		target := p["Targets"].([]any)[0].(map[string]any)
		if got := s.text(target["Arn"]); got != "${Notifications/Topic}" || target["RoleArn"] != nil {
			t.Errorf("%s: target %v", path, target)
		}
		transformer := target["InputTransformer"].(map[string]any)
		text := transformer["InputTemplate"].(string)
		if !strings.HasPrefix(text, `"`) || !strings.HasSuffix(text, `"`) || strings.Contains(strings.Trim(text, `"`), `"`) {
			t.Errorf("%s: the message must be one JSON string: %s", path, text)
		}
		paths := transformer["InputPathsMap"].(map[string]any)
		used := map[string]bool{}
		for _, m := range field.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
			if paths[m[1]] != "$.detail."+m[1] {
				t.Errorf("%s: <%s> is read from %v", path, m[1], paths[m[1]])
			}
		}
		if len(used) != len(paths) {
			t.Errorf("%s: paths %v, used %v", path, paths, used)
		}
	}
}
