package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/sitefence/sitefence/internal/leak"
)

// destroy runs `cdk destroy` on the stack that all the scenarios used, and looks
// for what it left: nothing but logs.
func destroy(ctx context.Context) error {
	if err := deployed.Destroy(ctx); err != nil {
		return err
	}
	machines, err := deployed.States().ListStateMachines(ctx, &sfn.ListStateMachinesInput{})
	if err != nil {
		return err
	}
	buses, err := eventbridge.NewFromConfig(deployed.AWS).ListEventBuses(ctx, &eventbridge.ListEventBusesInput{})
	if err != nil {
		return err
	}
	left := len(machines.StateMachines)
	for _, b := range buses.EventBuses {
		if aws.ToString(b.Name) != "default" {
			left++
		}
	}
	var functions struct {
		Functions []struct{ FunctionName string }
	}
	if err := read(ctx, http.MethodGet, "/2015-03-31/functions/", "", "", &functions); err != nil {
		return err
	}
	left += len(functions.Functions)
	if left > 0 {
		return fmt.Errorf("machines %v, buses %v, functions %v were left", machines.StateMachines, buses.EventBuses, functions)
	}
	groups, err := logGroups(ctx)
	if err != nil {
		return err
	}
	if want := 1 + 5*(leases+2); len(groups) != want {
		return fmt.Errorf("%d log groups were kept, want %d: one for ingest and five for each deployment", len(groups), want)
	}
	return nil
}

// logGroups lists the stack's log groups.
func logGroups(ctx context.Context) ([]string, error) {
	var out struct {
		LogGroups []struct{ LogGroupName string }
	}
	if err := read(ctx, http.MethodPost, "/", "Logs_20140328.DescribeLogGroups", "{}", &out); err != nil {
		return nil, err
	}
	var names []string
	for _, g := range out.LogGroups {
		if strings.HasPrefix(g.LogGroupName, "/aws/vendedlogs/states/sitefence-") || strings.HasPrefix(g.LogGroupName, "/aws/lambda/sitefence-") {
			names = append(names, g.LogGroupName)
		}
	}
	return names, nil
}

// logText is all that was logged to the groups whose name holds the text.
func logText(ctx context.Context, part string) (string, error) {
	groups, err := logGroups(ctx)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, group := range groups {
		if !strings.Contains(group, part) {
			continue
		}
		for token := ""; ; {
			in, err := json.Marshal(map[string]any{"logGroupName": group, "nextToken": token, "limit": 10000})
			if err != nil {
				return "", err
			}
			var out struct {
				Events    []struct{ Message string }
				NextToken string
			}
			if err := read(ctx, http.MethodPost, "/", "Logs_20140328.FilterLogEvents", string(in), &out); err != nil {
				return "", err
			}
			for _, e := range out.Events {
				text.WriteString(e.Message + "\n")
			}
			// The emulator hands out a token after the last page too.
			if len(out.Events) == 0 || out.NextToken == "" || out.NextToken == token {
				break
			}
			token = out.NextToken
		}
	}
	return text.String(), nil
}

// read makes a plain call of the emulator.
func read(ctx context.Context, method, path, target, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, deployed.Emulator.URL()+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if target != "" {
		req.Header.Set("X-Amz-Target", target)
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	}
	service := map[string]string{"": "lambda"}[target]
	if service == "" {
		service = "logs"
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read below
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s %s: %s %.300s %w", method, path, target, resp.Status, data, err)
	}
	return json.Unmarshal(data, into)
}

// noSecretLogged looks through everything that any function logged.
func noSecretLogged(ctx context.Context) error {
	text, err := logText(ctx, "/aws/lambda/")
	if err != nil {
		return err
	}
	if !strings.Contains(text, `"message":"event put"`) {
		return errors.New("the functions' logs were not found, so nothing is shown about secrets in them")
	}
	for _, secret := range secrets {
		for form, disguise := range leak.Forms(secret) {
			if strings.Contains(text, disguise) {
				return fmt.Errorf("a secret is in a function's log, as %s", form)
			}
		}
	}
	return nil
}
