package costs_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the table of costs into docs/operations.md")

const (
	documentPath = "../../docs/operations.md"
	startMark    = "<!-- costs: written by go test ./local/costs -update -->\n"
	endMark      = "<!-- end of costs -->"
)

// row is one line: what, how many for one deployment and for each more, and what
// one of it costs.
type row struct {
	what  string
	of    func(counts) int
	price float64
	note  string
}

// idle is what is paid while nothing happens.
var idle = []row{
	{"CloudWatch alarms", func(c counts) int { return c.alarms }, alarmMonth, "the first 10 of an account are free"},
	{"Custom metrics, at most", func(c counts) int { return c.metrics }, metricMonth, "paid for the hours in which one is written; the first 10 are free"},
	{"CloudWatch dashboards", func(c counts) int { return c.dashboards }, dashboardMonth, "the first 3 are free"},
	{"Secrets that the stack makes", func(c counts) int { return c.secrets }, secretMonth, "0 with `webhook.passwordSecret`; your Infinispan passwords cost the same each"},
	{"KMS keys that the stack makes", func(c counts) int { return c.keys }, keyMonth, "a key of your own costs the same"},
}

// TestCosts holds the document against the template and a simulated fence.
func TestCosts(t *testing.T) {
	data, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), startMark)
	old, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		t.Fatalf("%s: want the lines %s and %s", documentPath, startMark, endMark)
	}
	shared, each, memory := deployed(t)
	if shared.alarms == 0 || each.alarms == 0 || memory == 0 {
		t.Fatalf("nothing is counted: %+v, %+v, %v GB", shared, each, memory)
	}
	text := idleTable(shared, each, memory) + fenceTable(t, memory)
	if *update {
		if err := os.WriteFile(documentPath, []byte(before+startMark+text+endMark+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(old, "\n"), strings.Split(text, "\n")); diff != "" {
		t.Errorf("%s tells other costs; go test ./local/costs -update writes them (-document +counted):\n%s", documentPath, diff)
	}
}

func idleTable(shared, each counts, memory float64) string {
	var b strings.Builder
	b.WriteString("\n**An idle month**, USD:\n\n| What | Each | One deployment | | Each more | |\n| --- | ---: | ---: | ---: | ---: | ---: |\n")
	one := shared.plus(each, 1)
	var first, more float64
	for _, r := range idle {
		n, m := r.of(one), r.of(each)
		first, more = first+float64(n)*r.price, more+float64(m)*r.price
		fmt.Fprintf(&b, "| %s (%s) | %.2f | %d | %.2f | %d | %.2f |\n", r.what, r.note, r.price, n, float64(n)*r.price, m, float64(m)*r.price)
	}
	fmt.Fprintf(&b, "| **All** | | | **%.2f** | | **%.2f** |\n", first, more)
	checks, hours := 30*24*60/5, 30*24
	run := invocation + memory*secondsARun*gigabyteSecond
	fmt.Fprintf(&b, "\nThe drift check, for each deployment that has it on: every 5 minutes, %d a month. "+
		"%d × (%.8f schedule + %.8f request + %.1f GB × %.0f s × %.10f) + 2 × %d × %.7f reading a password once an hour + %d × %d bytes of log × %.2f a GB = **%.2f** a month. "+
		"Lambda's monthly free tier (a million requests, 400,000 GB-s) usually covers its share of that.\n",
		checks, checks, scheduled, invocation, memory, secondsARun, gigabyteSecond, hours, secretRead, checks, bytesALine, logGigabyte,
		float64(checks)*(scheduled+run)+float64(2*hours)*secretRead+logs(checks))
	fmt.Fprintf(&b, "\nWhat you may switch on: a heartbeat costs **%.2f** a month for each site of the deployment (an alarm and a metric); its posts cost cents. "+
		"With `network` there are the NAT gateways of your VPC, paid by the hour and the GB, if you make them for this: the [VPC pricing page](https://aws.amazon.com/vpc/pricing/).\n", alarmMonth+metricMonth)
	b.WriteString("\nNothing else costs anything while nothing happens: functions, machines, rules, queues, the topic, the SSM parameter (standard) and empty log groups are paid by use.\n")
	fmt.Fprintf(&b, "\nReserved concurrency costs nothing, but the account must have it: %d with one deployment and %d for each more, "+
		"and AWS keeps 100 unreserved. So the quota in the Region must be **%d** at least, with one deployment.\n", one.reserved, each.reserved, 100+one.reserved)
	return b.String()
}

func fenceTable(t *testing.T, memory float64) string {
	t.Helper()
	fence, repeat := fenced(t)
	var b strings.Builder
	b.WriteString("\n**One fence**: both sites report, one is fenced, the other report ends `Ignored`. And **one repeat** of the alert, which comes every `repeatInterval` for as long as it fires:\n\n" +
		"| What | Each | A fence | | A repeat | |\n| --- | ---: | ---: | ---: | ---: | ---: |\n")
	line := func(what string, price float64, n, m int) (float64, float64) {
		fmt.Fprintf(&b, "| %s | %.8f | %d | %.6f | %d | %.6f |\n", what, price, n, float64(n)*price, m, float64(m)*price)
		return float64(n) * price, float64(m) * price
	}
	var first, second float64
	for _, r := range []struct {
		what  string
		price float64
		of    func(work) int
	}{
		{"Step Functions: state transitions", transition, func(w work) int { return w.transitions }},
		{"Lambda: requests", invocation, func(w work) int { return w.invocations }},
		{fmt.Sprintf("Lambda: %.1f GB for %.0f s", memory, secondsARun), memory * secondsARun * gigabyteSecond, func(w work) int { return w.invocations }},
		{"EventBridge: events put", event, func(w work) int { return w.events }},
		{fmt.Sprintf("Logs: %d bytes for each transition and request", bytesALine), bytesALine / 1e9 * logGigabyte, func(w work) int { return w.transitions + w.invocations }},
	} {
		n, m := line(r.what, r.price, r.of(fence), r.of(repeat))
		first, second = first+n, second+m
	}
	fmt.Fprintf(&b, "| **All** | | | **%.6f** | | **%.6f** |\n", first, second)
	const hour, sites = 20, 2
	fmt.Fprintf(&b, "\nAn outage of 24 hours in which both sites repeat the alert every 3 minutes: %.6f + 24 × %d × %d × %.6f = **%.2f**.\n\n",
		first, hour, sites, second, first+24*hour*sites*second)
	return b.String()
}

func logs(lines int) float64 { return float64(lines) * bytesALine / 1e9 * logGigabyte }
