package doctor_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/deployed"
	"github.com/sitefence/sitefence/internal/doctor"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/secret"
)

const guardARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:sitefence-kc-guard-0a1b2c3d"

// answers are the bodies of an account over the real wire protocols, by what is
// asked and the token of the page.
type answers map[string]string

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key := r.Header.Get("X-Amz-Target")
	if form, err := url.ParseQuery(string(body)); key == "" && err == nil && form.Get("Action") != "" {
		key = strings.TrimSpace(form.Get("Action") + " " + form.Get("NextToken"))
	} else if key == "" {
		key = r.Method + " " + r.URL.Path
	} else {
		var in struct{ NextToken, ResourceArn string }
		_ = json.Unmarshal(body, &in)
		key = strings.TrimSpace(key[strings.LastIndex(key, ".")+1:] + " " + in.NextToken + in.ResourceArn)
	}
	answer, ok := a[key]
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		answer = `{"__type":"AccessDeniedException","message":"not authorized: ` + key + `"}`
	}
	if strings.HasPrefix(answer, "FAILED ") {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		answer = strings.TrimPrefix(answer, "FAILED ")
	}
	_, _ = io.WriteString(w, answer)
}

func reads(t *testing.T, a answers, postURL string) doctor.Reads {
	t.Helper()
	return doctor.Account(awsfake.Serve(t, a), "sitefence", deployed.Outputs{WebhookSecret: "webhook", Topic: "arn:topic", Bus: "sitefence",
		Deployments: []deployed.Deployment{{Name: "kc", Guard: guardARN}}}, postURL)
}

const subscriptions = `<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions><member>
	<SubscriptionArn>%s</SubscriptionArn><Protocol>email</Protocol><Endpoint>%s</Endpoint></member></Subscriptions>%s</ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>`

func TestSubscriptions(t *testing.T) {
	got, err := reads(t, answers{
		"ListSubscriptionsByTopic":   fmt.Sprintf(subscriptions, "PendingConfirmation", "ann@example.com", "<NextToken>2</NextToken>"),
		"ListSubscriptionsByTopic 2": fmt.Sprintf(subscriptions, "Deleted", "bob@example.com", "<NextToken>3</NextToken>"),
		"ListSubscriptionsByTopic 3": fmt.Sprintf(subscriptions, "arn:aws:sns:eu-west-1:123456789012:t:1-2", "eve@example.com", ""),
	}, "").Subscriptions(t.Context())
	want := []doctor.Subscription{{Protocol: "email", Endpoint: "ann@example.com", Pending: true}, {Protocol: "email", Endpoint: "eve@example.com"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestRules(t *testing.T) {
	got, err := reads(t, answers{
		"ListRules":   `{"Rules":[{"Name":"kc-site-offline","State":"ENABLED"}],"NextToken":"2"}`,
		"ListRules 2": `{"Rules":[{"Name":"site-fenced","State":"DISABLED"}]}`,
	}, "").Rules(t.Context())
	if diff := cmp.Diff([]doctor.BusRule{{Name: "kc-site-offline", Enabled: true}, {Name: "site-fenced"}}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

const resources = `<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries><member>
	<ResourceType>%s</ResourceType><PhysicalResourceId>%s</PhysicalResourceId></member></StackResourceSummaries>%s</ListStackResourcesResult></ListStackResourcesResponse>`

func TestReleases(t *testing.T) {
	all := answers{
		"ListStackResources":               fmt.Sprintf(resources, "AWS::Lambda::Function", "check", "<NextToken>2</NextToken>"),
		"ListStackResources 2":             fmt.Sprintf(resources, "AWS::SNS::Topic", "topic", "<NextToken>3</NextToken>"),
		"ListStackResources 3":             fmt.Sprintf(resources, "AWS::StepFunctions::StateMachine", guardARN, ""),
		"ListTagsForResource " + guardARN:  `{"tags":[{"key":"sitefence","value":"x"},{"key":"sitefence:release","value":"0.2.0"}]}`,
		"GET /2017-03-31/tags/" + checkARN: `{"Tags":{"sitefence:release":"0.1.0"}}`,
	}
	got, err := reads(t, all, "").Releases(t.Context())
	if diff := cmp.Diff(map[string]string{"check": "0.1.0", "sitefence-kc-guard-0a1b2c3d": "0.2.0"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	all["GET /2017-03-31/tags/"+checkARN] = `{"Tags":{}}`
	if got, err := reads(t, all, "").Releases(t.Context()); got["check"] != "" || err != nil {
		t.Errorf("untagged: %v, %v", got, err)
	}
	delete(all, "GET /2017-03-31/tags/"+checkARN)
	if _, err := reads(t, all, "").Releases(t.Context()); err == nil {
		t.Error("a tag that may not be read must not be an unknown release")
	}
}

const checkARN = "arn:aws:lambda:eu-west-1:123456789012:function:check"

func TestInspectIsAsked(t *testing.T) {
	const path = "POST /2015-03-31/functions/look/invocations"
	d := deployed.Deployment{Name: "kc", Inspect: "look"}
	for name, tc := range map[string]struct{ answer, want string }{
		"well":     {`{"version":"1","deployment":"kc","webhookUser":"u"}`, ""},
		"failed":   {`FAILED {"errorType":"Misconfigured","errorMessage":"bad-input: deployment"}`, "asking look: it failed (Unhandled): Misconfigured bad-input: deployment"},
		"other":    {`{"version":"1","deployment":"shop"}`, `about "shop"`},
		"later":    {`{"version":"2","deployment":"kc"}`, `version "2"`},
		"garbage":  {`[`, "no inspection"},
		"may not":  {"", "AccessDenied"},
		"no stack": {"-", "no Inspect function"},
	} {
		t.Run(name, func(t *testing.T) {
			a, at := answers{path: tc.answer}, d
			switch tc.answer {
			case "":
				delete(a, path)
			case "-":
				at.Inspect = ""
			}
			got, err := reads(t, a, "").Inspect(t.Context(), at)
			if tc.want == "" {
				if err != nil || got.WebhookUser != "u" {
					t.Errorf("got %+v, %v", got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestPost: the webhook is one that ingest understands and holds no alert, and a
// redirect is not followed with the password.
func TestPost(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	for _, status := range []int{204, 401, 503, 307} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			hook, err := alert.Decode(body)
			events, refused, beats := alert.Select(hook, nil, time.Now())
			if user, password, _ := r.BasicAuth(); err != nil || len(events)+len(refused)+len(beats) != 0 || user != "u" || password != "the-password" {
				t.Errorf("%v, %d events, %d refused, user %q", err, len(events), len(refused), user)
			}
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(status)
		}))
		got, err := reads(t, nil, server.URL).Post(t.Context(), "u", secret.Of("the-password"))
		if got != status || err != nil {
			t.Errorf("got %d, %v, want %d", got, err, status)
		}
		server.Close()
		if _, err := reads(t, nil, server.URL).Post(t.Context(), "u", secret.Of("the-password")); err == nil {
			t.Error("a server that is gone is no error")
		} else {
			leak.Check(t, err.Error(), "the-password")
		}
	}
}

func TestRunningAndSecret(t *testing.T) {
	r := reads(t, answers{"ListExecutions": `{"executions":[{"name":"fence-3","status":"RUNNING","startDate":1,"executionArn":"a","stateMachineArn":"m"}]}`,
		"GetSecretValue": `{"SecretString":"the-password"}`}, "")
	if got, err := r.Running(t.Context(), guardARN); err != nil || !cmp.Equal(got, []string{"fence-3"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := r.WebhookSecret(t.Context()); err != nil || got.Expose() != "the-password" {
		t.Errorf("got %v, %v", got, err)
	}
	r = reads(t, answers{}, "")
	if _, err := r.WebhookSecret(t.Context()); contract.ReasonOf(err) != contract.AccessDenied {
		t.Errorf("got %v", err)
	}
}
