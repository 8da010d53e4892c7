package storm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/ingest"
	"github.com/sitefence/sitefence/local/asl"
	"github.com/sitefence/sitefence/local/balancers"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
)

const (
	// trip is what a call takes; a call to an Infinispan opens a connection too.
	trip = 20 * time.Millisecond
	// coldStart is what a function's first invocation takes longer.
	coldStart = 300 * time.Millisecond
	region    = "eu-central-1"
	// perStack is how many deployments a stack serves.
	perStack     = 8
	siteA, siteB = contract.Site("site-a"), contract.Site("site-b")
)

// account is one AWS account with all deployments, and their sites.
type account struct {
	meter       *meter
	accelerator *ga.Fake
	balancers   *balancers.Fake
	secrets     *awsfake.SecretsManager
	parameters  *awsfake.Parameters
	deployments map[string]*deployment
	doors       []*ingest.Handler
	log         *slog.Logger
	open        sync.WaitGroup // executions

	machines sync.Mutex // of all executions: their definitions share what they compile

	mu          sync.Mutex
	runs        []*run
	pool        int // what functions may have at once that have nothing of their own
	busy, most  int // of them
	invocations int
	running     map[string]int // invocations, by function
	ready       map[string]int // environments, by function
	throttled   int            // invocations
}

// deployment is one of them.
type deployment struct {
	name        string
	accelerator ga.Accelerator
	double      *infinispan.Double
	guard, ends *asl.Definition
	steps       map[string]step
	writer      sync.Mutex // the writer's reserved concurrency
}

func (a *account) aws() aws.Config {
	return aws.Config{Region: region, HTTPClient: &http.Client{Transport: a},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", "")}
}

// RoundTrip implements http.RoundTripper for every AWS client.
func (a *account) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	if err := sleep(r.Context(), trip); err != nil {
		return nil, err
	}
	service, _, _ := strings.Cut(r.URL.Host, ".")
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var handler http.Handler
	switch service {
	case "globalaccelerator":
		handler = a.accelerator
	case "elasticloadbalancing":
		form, _ := url.ParseQuery(string(body))
		operation, handler = form.Get("Action"), a.balancers
	case "secretsmanager":
		handler = a.secrets
	case "ssm":
		handler = a.parameters
	case "states":
		handler = http.HandlerFunc(a.serveStates)
	case "events":
		handler = http.HandlerFunc(a.serveBus)
	default:
		return nil, fmt.Errorf("nobody serves %s", r.URL)
	}
	if !a.meter.take(operation) {
		return throttle(r, service), nil
	}
	return serve(handler, r, body), nil
}

func serve(handler http.Handler, r *http.Request, body []byte) *http.Response {
	clone := r.Clone(r.Context())
	clone.Body, clone.RequestURI = io.NopCloser(bytes.NewReader(body)), r.URL.RequestURI()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, clone)
	answer := recorder.Result()
	answer.Request = r
	return answer
}

func throttle(r *http.Request, service string) *http.Response {
	recorder := httptest.NewRecorder()
	if service == "elasticloadbalancing" {
		recorder.Header().Set("Content-Type", "text/xml")
		recorder.WriteHeader(http.StatusBadRequest)
		_, _ = recorder.WriteString("<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>")
	} else {
		recorder.Header().Set("Content-Type", "application/x-amz-json-1.1")
		recorder.WriteHeader(http.StatusBadRequest)
		_, _ = recorder.WriteString(`{"__type":"ThrottlingException","message":"Rate exceeded"}`)
	}
	answer := recorder.Result()
	answer.Request = r
	return answer
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// site is the way to one site's Infinispan.
type site struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (s site) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := sleep(r.Context(), 3*trip); err != nil {
		return nil, err
	}
	return serve(s.handler, r, nil), nil
}

// serveBus is PutEvents: each event starts a guard.
func (a *account) serveBus(w http.ResponseWriter, r *http.Request) {
	var in struct{ Entries []awsfake.Entry }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	results := []map[string]string{}
	for i, e := range in.Entries {
		var input map[string]any
		if err := json.Unmarshal([]byte(e.Detail), &input); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		results = append(results, map[string]string{"EventId": fmt.Sprint(i)})
		a.open.Go(func() { a.startGuard(input) })
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": 0, "Entries": results})
}

// enter takes a place for a function that runs, from the pool unless it has places of
// its own, and says whether it needs a new environment. leave gives it back.
func (a *account) enter(function string, own bool) (first bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !own && a.busy >= a.pool {
		a.throttled++
		return false, errors.New("the account's concurrency is used up")
	}
	if !own {
		a.busy++
		a.most = max(a.most, a.busy)
	}
	a.invocations++
	a.running[function]++
	first = a.running[function] > a.ready[function]
	a.ready[function] = max(a.ready[function], a.running[function])
	return first, nil
}

func (a *account) leave(function string, own bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running[function]--
	if !own {
		a.busy--
	}
}
