package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
)

// TestPlantedLeaks: in each kind of place in which secrets are looked for, one
// that is put there is found, by the same way of looking. What is planted is no
// secret of this run.
func TestPlantedLeaks(t *testing.T) {
	s := enter(t, "trio")
	places := map[string]struct {
		plant func(canary string)
		look  func() (string, error)
	}{
		"an execution's input and history": {func(c string) { s.plantExecution("groupKey", c) }, s.lastGuard},
		"an error":                         {func(c string) { s.plantExecution("reporter", c) }, func() (string, error) { return s.guardsEnded(1)[0].Cause, nil }},
		"a function's log": {func(c string) { s.plantExecution("site", c) },
			func() (string, error) { return logText(s.ctx, "/sitefence-trio-", s.began.UnixMilli()) }},
		"an event":    {func(c string) { s.plantEvent("Of A Test", c) }, s.overheard(func(line string) bool { return strings.Contains(line, "Of A Test") })},
		"a message":   {func(c string) { s.plantEvent(contract.DetailTypeSiteFenced, c) }, s.overheard(func(line string) bool { return strings.Contains(line, "TopicArn") })},
		"dead letter": {s.plantDeadLetter, func() (string, error) { return deadLetters(s.ctx) }},
		"a file":      {s.plantFile, func() (string, error) { return filesText(deployed.Dir) }},
		"a function's configuration": {s.plantDescription,
			func() (string, error) { _, text, err := functions(s.ctx); return text, err }},
	}
	n := 0
	for name, p := range places {
		n++
		canary := fmt.Sprintf("canary-%d", n)
		p.plant(canary)
		s.untilFound(name, canary, p.look)
	}
}

func (s *scene) untilFound(place, canary string, look func() (string, error)) {
	s.t.Helper()
	for {
		text, err := look()
		s.must(err)
		if len(leak.Find(text, canary)) > 0 {
			return
		}
		select {
		case <-s.ctx.Done():
			s.t.Fatalf("%s: what was planted was not found", place)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// plantExecution starts a guard by hand with something in a field of its input.
func (s *scene) plantExecution(field, canary string) {
	event := s.event(siteA, siteB)
	switch field {
	case "groupKey":
		event.Alert.GroupKey = canary
	case "reporter":
		event.Reporter = contract.Site(canary)
	case "site":
		event.Site = contract.Site(canary)
	}
	arn, err := deployed.StartExecution(s.ctx, s.d.Guard, "", event)
	s.must(err)
	_, err = deployed.Wait(s.ctx, arn)
	s.must(err)
}

func (s *scene) lastGuard() (string, error) {
	var all []string
	for _, e := range s.guardsEnded(1) {
		text, err := executionText(s.ctx, e)
		if err != nil {
			return "", err
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n"), nil
}

func (s *scene) plantEvent(detailType, canary string) {
	detail, err := json.Marshal(map[string]string{"deployment": "x", "reporter": canary, "site": "x", "reason": "x", "execution": "x"})
	s.must(err)
	out, err := eventbridge.NewFromConfig(deployed.AWS).PutEvents(s.ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
		EventBusName: aws.String(deployed.Outputs["BusName"]), Source: aws.String(contract.Source), DetailType: &detailType, Detail: aws.String(string(detail))}}})
	s.must(err)
	if out.FailedEntryCount > 0 {
		s.t.Fatal("the event was not put")
	}
}

// overheard looks at those lines that the ears heard which are of one kind.
func (s *scene) overheard(kind func(line string) bool) func() (string, error) {
	return func() (string, error) {
		text, err := overheard.everything(s.ctx)
		lines := slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return !kind(l) })
		return strings.Join(lines, "\n"), err
	}
}

func (s *scene) plantDeadLetter(canary string) {
	queues, err := deadLetterQueues(s.ctx)
	s.must(err)
	in, err := json.Marshal(map[string]any{"QueueUrl": queues[0], "MessageBody": "x", "MessageAttributes": map[string]any{
		"ERROR_MESSAGE": map[string]string{"DataType": "String", "StringValue": canary}}})
	s.must(err)
	s.must(read(s.ctx, "sqs", "AmazonSQS.SendMessage", string(in), nil))
}

func (s *scene) plantFile(canary string) {
	dir := filepath.Join(deployed.Dir, "cdk.out", "asset.planted")
	s.must(os.MkdirAll(dir, 0o755))
	s.t.Cleanup(func() { s.must(os.RemoveAll(dir)) })
	s.must(os.WriteFile(filepath.Join(dir, config.FunctionFile), []byte(`{"password":"`+canary+`"}`), 0o600))
}

func (s *scene) plantDescription(canary string) {
	all, _, err := functions(s.ctx)
	s.must(err)
	f := all[0]
	describe := func(ctx context.Context, text string) {
		in, err := json.Marshal(map[string]string{"Description": text})
		s.must(err)
		_, err = plain(ctx, "lambda", http.MethodPut, "/2015-03-31/functions/"+f.FunctionName+"/configuration", string(in), "Content-Type", "application/json")
		s.must(err)
	}
	s.t.Cleanup(func() { describe(s.ctx, f.Description) })
	describe(s.ctx, canary)
}

// TestPlantedInAnswer: an answer that gives the Authorization header back is
// found, in its body and in its headers, and without knowing the password.
func TestPlantedInAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/header" {
			w.Header().Set("X-Debug", r.Header.Get("Authorization"))
			return
		}
		_, _ = io.WriteString(w, "got "+r.Header.Get("Authorization"))
	}))
	defer server.Close()
	for _, path := range []string{"/header", "/body"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("someone", "canary-password")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := answerText(resp)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(leak.Find(text, "canary-password")) < 2 || len(leak.Find(text)) == 0 {
			t.Errorf("%s: the header was not found in %q", path, text)
		}
		if strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("canary-password"))) {
			t.Error("the password stands alone: the test shows less than it seems to")
		}
	}
}
