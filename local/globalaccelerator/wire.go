package globalaccelerator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	targetPrefix = "GlobalAccelerator_V20180706."
	contentType  = "application/x-amz-json-1.1"
	maxBody      = 1 << 20
)

// ServeHTTP serves the API at "/".
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !f.enter() {
		panic(http.ErrAbortHandler)
	}
	defer f.handlers.Done()

	name, op, c, refusal := f.accept(r)
	if op.decode != nil {
		f.count(name)
	}
	if refusal != nil {
		f.answer(w, reply{refusal: refusal})
		return
	}
	if op.writes {
		defer f.beginWrite()()
	}
	f.runHook(name, Before, c.target())
	plan := f.plan(name, c.target())
	if done := plan.before(f, w, r); done {
		return
	}
	result, refusal := f.do(name, op, c)
	f.runHook(name, After, c.target())
	plan.after(f, w, r, reply{result: result, refusal: refusal})
}

// enter registers a handler, unless the fake is closed.
func (f *Fake) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isClosed() {
		return false
	}
	f.handlers.Add(1)
	return true
}

// accept reads a request down to a checked call.
func (f *Fake) accept(r *http.Request) (Operation, operation, call, *denial) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return "", operation{}, nil, refuse(SerializationException, "the body could not be read")
	}
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	op := operations[Operation(name)]
	if r.Method != http.MethodPost || r.URL.Path != "/" || !ok || op.decode == nil {
		return "", operation{}, nil, refuse(UnknownOperationException, "%s %s with target %q", r.Method, r.URL.Path, r.Header.Get("X-Amz-Target"))
	}
	if got := r.Header.Get("Content-Type"); got != contentType {
		return Operation(name), op, nil, refuse(SerializationException, "content type %q, want %s", got, contentType)
	}
	key, refusal := checkScope(r.Header.Get("Authorization"))
	if refusal != nil {
		return Operation(name), op, nil, refusal
	}
	c, refusal := op.decode(body)
	if refusal == nil {
		refusal = f.authorize(key, Operation(name), c.target())
	}
	if refusal == nil {
		refusal = c.check()
	}
	return Operation(name), op, c, refusal
}

// authorize asks for the permission on what the call is about: the accelerator,
// the listener or the endpoint group, as the Service Authorization Reference
// gives each operation's resource type.
func (f *Fake) authorize(key string, op Operation, target string) *denial {
	if f.opts.Authorize == nil {
		return nil
	}
	if target == "" {
		target = "*"
	}
	if text := f.opts.Authorize(key, op, target); text != "" {
		return refuse(AccessDeniedException, "%s", text)
	}
	return nil
}

// checkScope refuses a request that was signed for another Region or service,
// as AWS does, and returns the access key. The signature itself is not checked.
func checkScope(authorization string) (accessKey string, _ *denial) {
	if authorization == "" {
		return "", refuse(MissingAuthenticationToken, "Missing Authentication Token")
	}
	_, rest, ok := strings.Cut(authorization, "AWS4-HMAC-SHA256 Credential=")
	credential, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(strings.TrimSpace(credential), "/")
	if !ok || len(parts) != 5 || parts[4] != "aws4_request" {
		return "", refuse(InvalidSignatureException, "Authorization is not AWS4-HMAC-SHA256 with a credential scope")
	}
	if parts[2] != ControlPlaneRegion {
		return "", refuse(InvalidSignatureException, "Credential should be scoped to a valid region, not '%s'.", parts[2])
	}
	if parts[3] != "globalaccelerator" {
		return "", refuse(InvalidSignatureException, "Credential should be scoped to correct service: 'globalaccelerator'.")
	}
	return parts[0], nil
}

// do runs a call: atomically, and for a write with an entry in the history.
func (f *Fake) do(name Operation, op operation, c call) (any, *denial) {
	exists := f.resolve(c)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !op.writes {
		return c.run(f, exists)
	}
	before := f.state.clone()
	result, refusal := c.run(f, exists)
	if refusal != nil {
		f.state = before
		return nil, refusal
	}
	if g, ok := before.Group(c.target()); ok {
		f.stale.wrote(g)
	}
	for i := range f.state.Accelerators {
		if a := &f.state.Accelerators[i]; strings.HasPrefix(c.target(), a.ARN) {
			a.Modified = f.opts.Now()
			if f.deploying > 0 {
				a.Status, f.pending[a.ARN] = "IN_PROGRESS", f.deploying
			}
		}
	}
	f.record(name, c.target(), "")
	return result, nil
}

// reply is what the service has to say to a call.
type reply struct {
	result  any
	refusal *denial
}

func (f *Fake) answer(w http.ResponseWriter, r reply) {
	status, body := r.encode()
	f.write(w, status, body)
}

func (r reply) encode() (int, []byte) {
	if r.refusal != nil {
		return r.refusal.code.status(), mustEncode(map[string]string{
			"__type": string(r.refusal.code), "Message": r.refusal.text,
		})
	}
	if r.result == nil {
		return http.StatusOK, nil // operations without output answer an empty body
	}
	return http.StatusOK, mustEncode(r.result)
}

func (f *Fake) write(w http.ResponseWriter, status int, body []byte) {
	f.mu.Lock()
	f.serial++
	id := newUUID(fmt.Sprint("request ", f.serial))
	f.mu.Unlock()
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Requestid", id)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone away is its own problem
}

func mustEncode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encoding an answer: %v", err)) // plain structs of ours
	}
	return body
}
