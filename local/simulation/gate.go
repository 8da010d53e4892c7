package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/wiring"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
)

// Fault is what becomes of an outside call.
type Fault string

// The faults. A write is applied where it says so.
const (
	None         Fault = ""
	Refused      Fault = "refused"                  // an error, before any effect
	Lost         Fault = "applied, answer lost"     // the connection ends
	Throttled    Fault = "throttled"                // before any effect
	Slow         Fault = "slower than the deadline" // no effect, no answer
	SlowApplied  Fault = "applied, slower than the deadline"
	Malformed    Fault = "malformed answer" // applied
	KilledBefore Fault = "killed before"    // the function ends, before any effect
	KilledAfter  Fault = "killed after"     // the same, applied
)

// Faults are all of them.
var Faults = []Fault{Refused, Lost, Throttled, Slow, SlowApplied, Malformed, KilledBefore, KilledAfter}

func (f Fault) applies() bool {
	return slices.Contains([]Fault{None, Lost, SlowApplied, Malformed, KilledAfter}, f)
}

// Call is one outside call of a function, stopped at the gate until Release.
type Call struct {
	Operation string // as "ListListeners" or "POST take-offline"
	Target    string // what it is about: an ARN, a Region, a secret, a site
	By        *Invocation

	ctx     context.Context //nolint:containedctx // of the caller, who may give up
	backend http.Handler
	request *http.Request
	body    []byte
	verdict chan Fault
}

// Key names the call among those of its invocation.
func (c *Call) Key() string { return c.Operation + " " + c.Target }

// order tells apart also calls of one key that are made side by side.
func (c *Call) order() string {
	if c.request == nil {
		return c.String()
	}
	return c.String() + " " + c.request.URL.Path
}

func (c *Call) String() string { return c.By.String() + ": " + c.Key() }

// Writes reports whether the call changes something outside.
func (c *Call) Writes() bool {
	return c.accelerates() || strings.HasPrefix(c.Operation, "POST ")
}

// accelerates reports whether the call changes the accelerator.
func (c *Call) accelerates() bool {
	return slices.Contains([]string{"UpdateEndpointGroup", "RemoveEndpoints", addEndpoints}, c.Operation)
}

const takeOffline = "POST take-offline"

var errKilled = errors.New("the function was killed")

// invocationKey finds the invocation in a call's context.
type invocationKey struct{}

// awsGate is the HTTP client of every AWS client.
type awsGate struct{ w *World }

// Do implements aws.HTTPClient.
func (g awsGate) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	c := &Call{body: body}
	switch service, _, _ := strings.Cut(r.URL.Host, "."); service {
	case "globalaccelerator":
		_, c.Operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		var in struct{ AcceleratorArn, ListenerArn, EndpointGroupArn string }
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		c.Target, c.backend = in.AcceleratorArn+in.ListenerArn+in.EndpointGroupArn, g.w.Accelerator
	case "elasticloadbalancing":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		c.Operation, c.Target, c.backend = form.Get("Action"), strings.Split(r.URL.Host, ".")[1], g.w.balancers
	case "secretsmanager":
		var in struct{ SecretId string } //nolint:revive // AWS's spelling
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		c.Operation, c.Target, c.backend = "GetSecretValue", in.SecretId, g.w.Secrets
	case "ssm":
		c.Operation, c.Target, c.backend = getParameter, switchName, g.w.Parameters
	case "states":
		c.Operation, c.backend = "ListExecutions", http.HandlerFunc(g.w.serveStates)
	default:
		return nil, fmt.Errorf("nobody serves %s", r.URL)
	}
	// Given up after a while, as by the clients that the functions wire.
	client := http.Client{Transport: parking{g.w, c}, Timeout: wiring.ReadTimeout}
	if c.Writes() {
		client.Timeout = wiring.WriteTimeout
	}
	return client.Do(r)
}

// parking is the transport of one call.
type parking struct {
	w *World
	c *Call
}

// RoundTrip implements http.RoundTripper.
func (p parking) RoundTrip(r *http.Request) (*http.Response, error) {
	p.c.request = r
	return p.w.pass(p.c)
}

// siteGate is the transport of one site's Infinispan client.
type siteGate struct {
	w    *World
	site contract.Site
}

var backupPath = regexp.MustCompile(`^/rest/v2/container/x-site/backups/([a-z0-9-]+)$`)

// RoundTrip implements http.RoundTripper.
func (g siteGate) RoundTrip(r *http.Request) (*http.Response, error) {
	c := &Call{request: r, Target: string(g.site), backend: g.w.Infinispan.Handler(string(g.site))}
	if c.Operation = infinispanCall(r); c.Operation == "" {
		return nil, fmt.Errorf("nobody serves %s %s", r.Method, r.URL)
	}
	return g.w.pass(c)
}

// hold stops a call until its release, and returns what the release says.
func (w *World) hold(c *Call) (Fault, error) {
	c.By, _ = c.ctx.Value(invocationKey{}).(*Invocation)
	if c.By == nil {
		return None, errors.New("a call of no invocation")
	}
	c.verdict = make(chan Fault)
	w.mu.Lock()
	if c.By.killed {
		w.mu.Unlock()
		return None, errKilled
	}
	w.parked = append(w.parked, c)
	w.mu.Unlock()
	select {
	case fault := <-c.verdict:
		return fault, nil
	case <-c.ctx.Done():
		w.mu.Lock()
		w.parked = slices.DeleteFunc(w.parked, func(o *Call) bool { return o == c })
		w.mu.Unlock()
		return None, c.ctx.Err()
	}
}

// pass holds a call, and does what its release says.
func (w *World) pass(c *Call) (*http.Response, error) {
	c.ctx = c.request.Context()
	fault, err := w.hold(c)
	if err != nil {
		return nil, err
	}
	return w.carryOut(c.ctx, c, fault)
}

func (w *World) carryOut(ctx context.Context, c *Call, fault Fault) (*http.Response, error) {
	var answer *http.Response
	if fault.applies() {
		var err error
		if answer, err = w.apply(c); err != nil {
			return nil, err
		}
	}
	switch fault {
	case None:
		if c.Operation == getParameter {
			w.noteSwitch(c.By)
		}
		if strings.HasPrefix(c.Operation, "GET ") && answer.StatusCode == http.StatusOK {
			w.noteProof(c)
		}
		return answer, nil
	case Malformed:
		return respond(c.request, http.StatusOK, `{"Listeners":[{"ListenerArn":`), nil
	case Refused:
		return respond(c.request, http.StatusInternalServerError, `{"__type":"InternalServiceErrorException","message":"refused"}`), nil
	case Throttled:
		if strings.Contains(c.Operation, " ") { // Infinispan
			return respond(c.request, http.StatusTooManyRequests, ""), nil
		}
		return respond(c.request, http.StatusBadRequest, `{"__type":"ThrottlingException","message":"throttled"}`), nil
	case Slow, SlowApplied:
		<-ctx.Done()
		return nil, ctx.Err()
	case KilledBefore, KilledAfter:
		return nil, errKilled
	default: // Lost
		return nil, io.ErrUnexpectedEOF
	}
}

// apply gives the call to its backend, and holds what it does to the laws.
func (w *World) apply(c *Call) (*http.Response, error) {
	if site, ok := w.infinispanOf(c); ok && w.unreachable[site] {
		return nil, errors.New("connection refused")
	}
	var before ga.State
	switch {
	case c.Operation == takeOffline:
		w.judgeTakeOffline(c)
	case c.Operation == clearCache:
		w.judgeClear(c)
	case c.Operation == addEndpoints:
		w.judgePutBack(c)
		before = w.Accelerator.Snapshot()
	case c.accelerates():
		before = w.Accelerator.Snapshot()
	}
	recorder := httptest.NewRecorder()
	r := c.request.Clone(c.request.Context())
	r.Body = io.NopCloser(bytes.NewReader(c.body))
	r.RequestURI = r.URL.RequestURI()
	c.backend.ServeHTTP(recorder, r)
	answer := recorder.Result()
	answer.Request = c.request
	switch {
	case c.Operation == "GET container":
		w.noteView(c)
	case c.Operation == addEndpoints && answer.StatusCode == http.StatusOK:
		w.judgeAdded(c, before, w.Accelerator.Snapshot())
	case c.accelerates() && answer.StatusCode == http.StatusOK:
		w.judgeWrite(c, before, w.Accelerator.Snapshot())
	}
	if c.By.Function == Resync && c.Writes() {
		w.judgeRestored(c)
	}
	return answer, nil
}

func (w *World) infinispanOf(c *Call) (contract.Site, bool) {
	return contract.Site(c.Target), strings.Contains(c.Operation, " ")
}

func respond(r *http.Request, status int, body string) *http.Response {
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}}
	if strings.Contains(r.URL.Host, "elasticloadbalancing") && status != http.StatusOK {
		header.Set("Content-Type", "text/xml")
		code := "InternalFailure"
		if strings.Contains(body, "Throttling") {
			code = "Throttling"
		}
		body = "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>x</Message></Error></ErrorResponse>"
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}
}
