package e2e_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// plain makes a call of the emulator with its own key, which may do anything
// and whose signature is not looked at.
func plain(ctx context.Context, service, method, path, body string, headers ...string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, deployed.Emulator.URL()+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	req.Header.Set("X-Forwarded-Proto", "https") // the queues' policies insist on TLS
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // read below
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s %s %v: %s %.300s %w", service, method, path, headers, resp.Status, data, err)
	}
	return data, nil
}

// read makes a call of a service that speaks JSON; target is X-Amz-Target.
func read(ctx context.Context, service, target, body string, into any) error {
	data, err := plain(ctx, service, http.MethodPost, "/", body, "X-Amz-Target", target, "Content-Type", "application/x-amz-json-1.1")
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// query makes a call of a service that speaks forms and XML.
func query(ctx context.Context, service string, form url.Values, into any) error {
	data, err := plain(ctx, service, http.MethodPost, "/", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if err != nil || into == nil {
		return err
	}
	return xml.Unmarshal(data, into)
}

// function is a deployed function.
type function struct {
	FunctionName, Description, Role string
	LoggingConfig                   struct{ LogGroup string }
}

// functions lists the deployed functions, and their text as it came.
func functions(ctx context.Context) ([]function, string, error) {
	data, err := plain(ctx, "lambda", http.MethodGet, "/2015-03-31/functions/?MaxItems=1000", "")
	if err != nil {
		return nil, "", err
	}
	var out struct{ Functions []function }
	return out.Functions, string(data), json.Unmarshal(data, &out)
}

// logGroups lists the stack's log groups, of which one answer holds 50.
func logGroups(ctx context.Context) ([]string, error) {
	var names []string
	for token := ""; ; {
		in := map[string]any{"limit": 50}
		if token != "" {
			in["nextToken"] = token
		}
		body, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		var out struct {
			LogGroups []struct{ LogGroupName string }
			NextToken string
		}
		if err := read(ctx, "logs", "Logs_20140328.DescribeLogGroups", string(body), &out); err != nil {
			return nil, err
		}
		for _, g := range out.LogGroups {
			if strings.HasPrefix(g.LogGroupName, "/aws/vendedlogs/states/sitefence-") || strings.HasPrefix(g.LogGroupName, "/aws/lambda/sitefence-") {
				names = append(names, g.LogGroupName)
			}
		}
		if token = out.NextToken; token == "" {
			return names, nil
		}
	}
}

// logText is all that was logged to the groups whose name holds the text, since
// a time in Unix milliseconds.
func logText(ctx context.Context, part string, since int64) (string, error) {
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
			in, err := json.Marshal(map[string]any{"logGroupName": group, "nextToken": token, "startTime": since, "limit": 10000})
			if err != nil {
				return "", err
			}
			var out struct {
				Events    []struct{ Message string }
				NextToken string
			}
			if err := read(ctx, "logs", "Logs_20140328.FilterLogEvents", string(in), &out); err != nil {
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
