package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// secrets must be seen nowhere: not in a log line, an error, an event, a message,
// a dead letter, an execution's history, an answer, or what is deployed. All are
// known before the first test.
var secrets = []string{stack.WebhookPassword, rotatedWebhook, rotatedInfinispan}

// keep adds the secrets of a world: its passwords and all its private keys.
func keep(d *infinispan.Double) {
	for _, s := range d.Sites() {
		secrets = append(secrets, s.Password, s.LimitedPassword)
	}
	for _, key := range d.Keys() {
		parts, err := leak.Key(key)
		if err != nil {
			panic(err)
		}
		secrets = append(secrets, parts...)
	}
	slices.Sort(secrets)
	secrets = slices.Compact(secrets)
}

// noSecret looks through all that this scenario left: its executions and what
// was logged and sent since it began. What is sent is nobody's in particular: a
// leak in it fails whichever scenario looks first.
func (s *scene) noSecret() {
	s.t.Helper()
	for _, e := range slices.Concat(s.guardsEnded(0), s.fencesEnded(0)) {
		text, err := executionText(s.ctx, e)
		s.must(err)
		leak.Check(s.t, text, secrets...)
	}
	for _, part := range []string{"/sitefence-ingest-", "/sitefence-" + s.d.Name + "-"} {
		text, err := logText(s.ctx, part, s.began.UnixMilli())
		s.must(err)
		leak.Check(s.t, text, secrets...)
	}
	sent, err := overheard.listen(s.ctx)
	s.must(err)
	leak.Check(s.t, sent, secrets...)
}

// executionText is all that the console shows of an execution. The machines log
// the same, execution data included; the emulator keeps no such log.
func executionText(ctx context.Context, e stack.Execution) (string, error) {
	history, err := deployed.HistoryText(ctx, e.ARN)
	return e.Input + "\n" + e.Output + "\n" + e.Error + "\n" + e.Cause + "\n" + history, err
}

// answerText is an answer, its headers too.
func answerText(resp *http.Response) (string, error) {
	text, err := httputil.DumpResponse(resp, true)
	return string(text), err
}

// noSecretAnywhere looks through all of the run once more, and through what is
// of no scenario. It fails as well if there is too little to have looked at.
func noSecretAnywhere(ctx context.Context) error {
	places := map[string]func(context.Context) (string, error){
		"the functions' logs":          func(ctx context.Context) (string, error) { return logText(ctx, "/aws/lambda/", 0) },
		"the functions' configuration": func(ctx context.Context) (string, error) { _, text, err := functions(ctx); return text, err },
		"the stack's folder":           func(context.Context) (string, error) { return filesText(deployed.Dir) },
		"events and messages":          overheard.everything,
		"dead letters":                 deadLetters,
	}
	wants := map[string][]string{
		"the functions' logs":          {`"message":"event put"`, "message=decided", `message="replication is offline"`},
		"the functions' configuration": {"SITEFENCE_", "-checkhealth"},
		"the stack's folder":           {config.FunctionFile, "cdk-deploy.log", "outputs.json", ".template.json", "emulator.log"},
		"events and messages":          {contract.DetailTypeSiteOffline, contract.DetailTypeSiteFenced, contract.DetailTypeStillTrying, "Bring the site back", "ACT NOW"},
	}
	var problems []error
	for name, read := range places {
		text, err := read(ctx)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
		for _, found := range leak.Find(text, secrets...) {
			problems = append(problems, fmt.Errorf("%s: %s", name, found))
		}
		for _, want := range wants[name] {
			if !filtered() && !strings.Contains(text, want) {
				problems = append(problems, fmt.Errorf("%s: no %q there, so nothing is shown about secrets", name, want))
			}
		}
	}
	return errors.Join(problems...)
}

// filesText is all files of a folder: configuration, outputs, the template, what
// was put into the functions' assets, the emulator's and the command's output.
// The functions' binaries are left out, for they are built of the source alone,
// and the archives of what is there as files.
func filesText(dir string) (string, error) {
	var text strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "bootstrap" || filepath.Ext(path) == ".zip" {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&text, "%s\n%s\n", path, data)
		return err
	})
	return text.String(), err
}

// ears are queues behind the bus and the topic: they get a copy of all that is sent.
type ears struct {
	mu     sync.Mutex
	queues []string
	rule   eventbridge.PutRuleInput
	all    strings.Builder
}

var overheard ears

// attach puts a rule for everything on the bus and a subscription on the topic.
func (e *ears) attach(ctx context.Context) error {
	bus, err := e.queue(ctx, "overheard-bus")
	if err != nil {
		return err
	}
	events := eventbridge.NewFromConfig(deployed.AWS)
	e.rule = eventbridge.PutRuleInput{Name: aws.String("overheard"), EventBusName: aws.String(deployed.Outputs["BusName"]),
		EventPattern: aws.String(`{"source":[{"prefix":""}]}`)}
	if _, err := events.PutRule(ctx, &e.rule); err != nil {
		return err
	}
	_, err = events.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: e.rule.Name, EventBusName: e.rule.EventBusName,
		Targets: []ebtypes.Target{{Id: aws.String("queue"), Arn: &bus}}})
	if err != nil {
		return err
	}
	topic, err := e.queue(ctx, "overheard-topic")
	if err != nil {
		return err
	}
	return query(ctx, "sns", url.Values{"Action": {"Subscribe"}, "TopicArn": {deployed.Outputs["TopicArn"]},
		"Protocol": {"sqs"}, "Endpoint": {topic}}, nil)
}

// detach takes the rule off, without which the bus cannot be deleted.
func (e *ears) detach(ctx context.Context) error {
	events := eventbridge.NewFromConfig(deployed.AWS)
	if _, err := events.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: e.rule.Name, EventBusName: e.rule.EventBusName, Ids: []string{"queue"}}); err != nil {
		return err
	}
	_, err := events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: e.rule.Name, EventBusName: e.rule.EventBusName})
	return err
}

// queue creates a queue that takes from anyone, and returns its ARN.
func (e *ears) queue(ctx context.Context, name string) (string, error) {
	arn := "arn:aws:sqs:" + stack.Region + ":000000000000:" + name
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": map[string]any{
		"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}})
	if err != nil {
		return "", err
	}
	in, err := json.Marshal(map[string]any{"QueueName": name, "Attributes": map[string]string{"Policy": string(policy)}})
	if err != nil {
		return "", err
	}
	var out struct{ QueueUrl string } //nolint:revive // AWS's spelling
	if err := read(ctx, "sqs", "AmazonSQS.CreateQueue", string(in), &out); err != nil {
		return "", err
	}
	e.queues = append(e.queues, out.QueueUrl)
	return arn, nil
}

// listen returns what was sent since the last call.
func (e *ears) listen(ctx context.Context) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var text strings.Builder
	for _, queue := range e.queues {
		messages, err := drain(ctx, queue)
		text.WriteString(messages)
		if err != nil {
			return "", err
		}
	}
	e.all.WriteString(text.String())
	return text.String(), nil
}

// everything returns all that was ever sent.
func (e *ears) everything(ctx context.Context) (string, error) {
	_, err := e.listen(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all.String(), err
}

// deadLetters is what is in the queues of the stack.
func deadLetters(ctx context.Context) (string, error) {
	queues, err := deadLetterQueues(ctx)
	if err != nil {
		return "", err
	}
	if want := leases + 3; len(queues) != want {
		return "", fmt.Errorf("found %d queues of dead letters, want %d", len(queues), want)
	}
	var text strings.Builder
	for _, queue := range queues {
		messages, err := drain(ctx, queue)
		if err != nil {
			return "", err
		}
		text.WriteString(messages)
	}
	return text.String(), nil
}

func deadLetterQueues(ctx context.Context) ([]string, error) {
	var out struct{ QueueUrls []string }
	err := read(ctx, "sqs", "AmazonSQS.ListQueues", `{"QueueNamePrefix":"sitefence","MaxResults":1000}`, &out)
	return out.QueueUrls, err
}

// drain takes all messages out of a queue: each body with its attributes.
func drain(ctx context.Context, queue string) (string, error) {
	var text strings.Builder
	for {
		in, err := json.Marshal(map[string]any{"QueueUrl": queue, "MaxNumberOfMessages": 10, "MessageAttributeNames": []string{"All"}, "WaitTimeSeconds": 0})
		if err != nil {
			return "", err
		}
		var out struct {
			Messages []struct {
				Body, ReceiptHandle string
				MessageAttributes   json.RawMessage
			}
		}
		if err := read(ctx, "sqs", "AmazonSQS.ReceiveMessage", string(in), &out); err != nil || len(out.Messages) == 0 {
			return text.String(), err
		}
		for _, m := range out.Messages {
			fmt.Fprintf(&text, "%s %s\n", m.Body, m.MessageAttributes)
			in, err := json.Marshal(map[string]string{"QueueUrl": queue, "ReceiptHandle": m.ReceiptHandle})
			if err != nil {
				return "", err
			}
			if err := read(ctx, "sqs", "AmazonSQS.DeleteMessage", string(in), nil); err != nil {
				return "", err
			}
		}
	}
}
