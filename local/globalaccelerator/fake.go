// Package globalaccelerator is a stateful fake of AWS Global Accelerator,
// spoken to over the service's real wire protocol (AWS JSON 1.1), because no
// AWS emulator has that service.
//
// Its guarantee: it is never kinder than AWS. Whatever an SDK client may read,
// page through, replace or remove here follows the published API model and the
// service's own rules (one endpoint group per Region and listener, endpoints
// in the group's Region, replaced sets that must resolve, a control plane in
// us-west-2 only), and where the documentation is silent the stricter reading
// is taken and said so at the rule. Every write is atomic and leaves a snapshot
// in the history, so a test can assert what was true after each of them.
//
// What it is not: it checks no signatures (only the scope of the credential),
// it has no IAM of its own (Options.Authorize can ask another's), no custom
// routing, no cross-account attachments and no BYOIP, and it moves no traffic.
package globalaccelerator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// ControlPlaneRegion is the only Region in which AWS serves this API.
// Source: "you must specify the US West (Oregon) Region" in the API reference.
const ControlPlaneRegion = "us-west-2"

// Options configures a Fake. The zero value is a well-behaved service.
type Options struct {
	// Account is the 12 digit account id in the ARNs; 123456789012 if empty.
	Account string
	// Port to listen on at 127.0.0.1; 0 picks a free one.
	Port int
	// PageSize is the most items any List answer holds, whatever MaxResults
	// asks for; 0 leaves it to MaxResults (10 if absent, as AWS documents).
	PageSize int
	// StaleReads is how many reads of an endpoint group answer its old state
	// after each write of it; 0 makes reads consistent.
	StaleReads int
	// Resolve says whether an endpoint's load balancer or instance exists; nil
	// means it does. MarkGone is asked as well. It may be called concurrently,
	// never while the fake holds a lock. Elastic IPs always resolve.
	Resolve func(endpointID string) bool
	// Authorize says whether the owner of an access key may call an operation on
	// a resource (the ARN that IAM checks, or "*"): the refusal is the text of an
	// AccessDeniedException, "" allows. Nil allows everything. It may be called
	// concurrently, never while the fake holds a lock.
	Authorize func(accessKey string, op Operation, resource string) (refusal string)
	// NewEndpointHealth is the state of endpoints added through the API;
	// INITIAL if empty.
	NewEndpointHealth Health
	// UnknownEndpoint is what RemoveEndpoints answers for an endpoint that is
	// not in the group; EndpointNotFoundException if empty. AWS's model does
	// not list that error for RemoveEndpoints (only for the custom routing
	// variant), so a client must also cope with InvalidArgumentException.
	UnknownEndpoint ErrorCode
	// KnownEndpoint is what AddEndpoints answers for an endpoint that is in
	// the group; EndpointAlreadyExistsException if empty. The same doubt holds.
	KnownEndpoint ErrorCode
	// Now is the clock of timestamps; time.Now if nil.
	Now func() time.Time
}

// Fake is the service. All its methods are safe for concurrent use.
type Fake struct {
	opts Options

	mu       sync.Mutex // guards everything below
	state    State
	tokens   map[string]string // idempotency token to the ARN it created
	serial   int
	gone     map[string]bool
	pageSize int
	stale    staleReads
	history  []Entry
	calls    map[Operation]int
	writing  int
	writers  int
	faults   []*Injection
	hook     Hook
	// deploying is how many reads each write leaves an accelerator IN_PROGRESS
	// for, pending how many are left, by ARN.
	deploying int
	pending   map[string]int

	closed   chan struct{}
	handlers sync.WaitGroup
	server   *http.Server
	listener net.Listener
}

// New returns an empty service that is not listening yet. It can be used as an
// http.Handler as it is, or served by Start.
func New(opts Options) *Fake {
	if opts.Account == "" {
		opts.Account = "123456789012"
	}
	if opts.NewEndpointHealth == "" {
		opts.NewEndpointHealth = Initial
	}
	if opts.UnknownEndpoint == "" {
		opts.UnknownEndpoint = EndpointNotFoundException
	}
	if opts.KnownEndpoint == "" {
		opts.KnownEndpoint = EndpointAlreadyExistsException
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Fake{
		opts:     opts,
		tokens:   map[string]string{},
		gone:     map[string]bool{},
		pageSize: opts.PageSize,
		stale:    staleReads{reads: opts.StaleReads, groups: map[string]*staleGroup{}},
		calls:    map[Operation]int{},
		pending:  map[string]int{},
		closed:   make(chan struct{}),
	}
}

// Start listens on 127.0.0.1 and serves until Close. It fails if the port is
// taken, or if the fake was started or closed before.
func (f *Fake) Start() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server != nil || f.isClosed() {
		return errors.New("starting Global Accelerator: it was started before")
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(f.opts.Port))
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fmt.Errorf("starting Global Accelerator: %w", err)
	}
	f.listener = l
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	go func(s *http.Server) { _ = s.Serve(l) }(f.server) // ends with Close, which is its only error
	return nil
}

// URL is the endpoint to give to clients, "" before Start.
func (f *Fake) URL() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener == nil {
		return ""
	}
	return "http://" + f.listener.Addr().String()
}

// Close stops serving, releases calls that hang or are slow, and returns when
// no handler runs any more; hooks must therefore return by themselves. A second
// Close does nothing.
func (f *Fake) Close() error {
	f.mu.Lock()
	if f.isClosed() {
		f.mu.Unlock()
		return nil
	}
	close(f.closed)
	server := f.server
	f.mu.Unlock()
	var err error
	if server != nil {
		err = server.Close()
	}
	f.handlers.Wait()
	if err != nil {
		return fmt.Errorf("closing Global Accelerator: %w", err)
	}
	return nil
}

func (f *Fake) isClosed() bool {
	select {
	case <-f.closed:
		return true
	default:
		return false
	}
}
