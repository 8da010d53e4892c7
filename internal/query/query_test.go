package query_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/checkhealth"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/ingest"
	"github.com/sitefence/sitefence/internal/query"
	"github.com/sitefence/sitefence/internal/secret"
	"github.com/sitefence/sitefence/local/world"
)

var (
	quoted  = regexp.MustCompile(`'[^']*'`)
	aliases = regexp.MustCompile(`\bas ([A-Za-z]+(, [A-Za-z]+)*)`)
	word    = regexp.MustCompile(`@?[A-Za-z_][A-Za-z_.]*`)
)

// keywords are the query language's own words, as far as the queries use them.
var keywords = []string{
	"filter", "ispresent", "stats", "count", "min", "max", "fields", "as", "by", "in", "and", "or", "not", "sort", "desc", "limit", "parse",
	"@timestamp", // of every line
}

// named are the fields and the values that a query names.
func named(text string) (fields, values []string) {
	for _, v := range quoted.FindAllString(text, -1) {
		values = append(values, strings.Trim(v, "'"))
	}
	text = quoted.ReplaceAllString(text, "")
	skip := slices.Clone(keywords)
	for _, m := range aliases.FindAllStringSubmatch(text, -1) {
		skip = append(skip, strings.Split(m[1], ", ")...)
	}
	seen := map[string]bool{}
	for _, w := range word.FindAllString(text, -1) {
		if !slices.Contains(skip, w) {
			seen[w] = true
		}
	}
	return slices.Sorted(maps.Keys(seen)), values
}

// TestQueriesNameWhatIsLogged runs the function whose log a query reads, once for
// each thing that may happen to it.
func TestQueriesNameWhatIsLogged(t *testing.T) {
	logs := map[string][]map[string]any{"ingest": runIngest(t), "checkhealth": runCheckhealth(t)}
	for name, tc := range map[string]struct{ text, log string }{
		"answers": {query.Answers(), "ingest"},
		"alerts":  {query.Alerts("keycloak"), "ingest"},
		"checks":  {query.Checks(), "checkhealth"},
	} {
		t.Run(name, func(t *testing.T) {
			fields, values := named(tc.text)
			if len(fields) == 0 {
				t.Fatalf("no field in %s", tc.text)
			}
			for _, f := range fields {
				if !slices.ContainsFunc(logs[tc.log], func(line map[string]any) bool { return line[f] != nil }) {
					t.Errorf("no line of %s has %q", tc.log, f)
				}
			}
			for _, v := range values {
				if !slices.ContainsFunc(logs[tc.log], func(line map[string]any) bool {
					return slices.ContainsFunc(fields, func(f string) bool { return line[f] == v })
				}) {
					t.Errorf("no line of %s has the value %q", tc.log, v)
				}
			}
		})
	}
}

// TestWhatTheQueriesCount holds the lines that the queries take against what was
// asked: nothing is counted twice, and nothing is left out.
func TestWhatTheQueriesCount(t *testing.T) {
	statuses, messages := map[float64]int{}, map[string]int{}
	for _, line := range runIngest(t) {
		if status, ok := line["status"].(float64); ok {
			statuses[status]++
		}
		if m := line["message"].(string); m == "event put" || m == "alert refused" || m == "event not put" {
			messages[m]++
			if (m == "alert refused") == (line["deployment"] == "keycloak") {
				t.Errorf("%s with deployment %v", m, line["deployment"])
			}
			if m != "event put" && line["reason"] == nil {
				t.Errorf("%s without a reason", m)
			}
		}
	}
	wantStatuses := map[float64]int{204: 1, 401: 2, 400: 1, 405: 1, 503: 2}
	if !maps.Equal(statuses, wantStatuses) {
		t.Errorf("answers by status: got %v, want %v", statuses, wantStatuses)
	}
	wantMessages := map[string]int{"event put": 1, "alert refused": 2, "event not put": 1}
	if !maps.Equal(messages, wantMessages) {
		t.Errorf("alerts by outcome: got %v, want %v", messages, wantMessages)
	}
}

// TestMachineQueries: a machine's log has the types of the execution's history,
// and of the fields that the queries name only those of AWS's example record
// (Step Functions' guide, "Logging to CloudWatch Logs").
func TestMachineQueries(t *testing.T) {
	record := []string{"details.name", "execution_arn", "type"}
	for _, text := range []string{query.Ends(), query.Steps()} {
		fields, values := named(text)
		for _, f := range fields {
			if !slices.Contains(record, f) {
				t.Errorf("%q is no field of a machine's log: %s", f, text)
			}
		}
		for _, v := range values {
			if strings.HasPrefix(v, "arn:") {
				continue
			}
			if !slices.Contains(types.HistoryEventType("").Values(), types.HistoryEventType(v)) {
				t.Errorf("%q is no type of a history's event: %s", v, text)
			}
		}
	}
}

const password = "the password"

// sink is a bus that takes all or nothing.
type sink struct{ err error }

func (s sink) Put(_ context.Context, found []contract.Event) []bus.Outcome {
	outcomes := make([]bus.Outcome, len(found))
	for i := range outcomes {
		outcomes[i] = bus.Outcome{EventID: "event-1", Err: s.err}
	}
	return outcomes
}

// runIngest posts one request of each kind and returns the log's lines.
func runIngest(t *testing.T) []map[string]any {
	t.Helper()
	var log bytes.Buffer
	secrets := &awsfake.SecretsManager{}
	secrets.Set("webhook", password)
	h := &ingest.Handler{
		User:        "alertmanager",
		Deployments: []config.IngestDeployment{{Name: "keycloak", DNSNames: []string{"a1.awsglobalaccelerator.com"}, Sites: []contract.Site{"site-a", "site-b"}}},
		Secret:      secret.New(secretsmanager.NewFromConfig(awsfake.Serve(t, secrets)), "webhook"),
		Log:         slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})),
		Now:         func() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) },
	}
	post := func(method, user, body string) {
		r := events.LambdaFunctionURLRequest{Body: body}
		r.RequestContext.HTTP.Method = method
		r.Headers = map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(user))}
		if _, err := h.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	alert := func(site string) string {
		return `{"status":"firing","labels":{"alertname":"SiteOffline","accelerator":"a1.awsglobalaccelerator.com","reporter":"site-a",` +
			`"site":"` + site + `"},"startsAt":"2026-11-23T09:59:30Z","fingerprint":"0123456789abcdef"}`
	}
	const right, begin, end = "alertmanager:" + password, `{"version":"4","groupKey":"g","alerts":[`, `]}`
	h.Bus = sink{errors.New("down")}
	secrets.Add(awsfake.Fault{Status: 400, Code: "AccessDeniedException"})
	post("POST", right, begin+end) // the secret cannot be read
	post("POST", right, begin+alert("site-b")+end)
	h.Bus = sink{}
	post("POST", right, begin+alert("site-b")+","+alert("site-b")+","+alert("site-x")+end)
	post("POST", right, "no webhook")
	post("POST", "alertmanager:wrong", "")
	post("POST", "someone:wrong", "")
	post("GET", right, "")
	return lines(t, &log)
}

// runCheckhealth asks with the link cut, and with an input that is no deployment's.
func runCheckhealth(t *testing.T) []map[string]any {
	t.Helper()
	w := world.New(t)
	h, err := checkhealth.New(w.Function())
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	h.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))
	if err := w.Infinispan.CutLink(t.Context()); err != nil {
		t.Fatal(err)
	}
	in := contract.CheckInput{Event: w.Event(), Execution: "fence-1"}
	if _, err := h.Handle(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	in.Deployment = "another"
	if _, err := h.Handle(t.Context(), in); err == nil {
		t.Fatal("an unknown deployment was taken in")
	}
	return lines(t, &log)
}

func lines(t *testing.T, log *bytes.Buffer) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range bytes.Lines(log.Bytes()) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatal(err)
		}
		all = append(all, fields)
	}
	return all
}
