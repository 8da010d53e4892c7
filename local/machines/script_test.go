package machines_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// The functions that the stub is deployed as.
const (
	check   = "check"
	update  = "update"
	offline = "offline"
	news    = "news" // hears what is put on the bus

	// Suffixes of twins of the functions.
	short     = "-short"     // its limit is that of shortTask
	panicking = "-panicking" // apart, for the emulator gives a process that panics other scenarios' events
)

// order is what the stub does in one invocation; see testdata/stub.
type order struct {
	Do     string          `json:"do"`
	Output json.RawMessage `json:"output,omitempty"`
	Text   string          `json:"text,omitempty"`
}

// answer is an order to return a value, or JSON text as it is.
func answer(v any) order {
	if text, ok := v.(json.RawMessage); ok {
		return order{Do: "answer", Output: text}
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return order{Do: "answer", Output: data}
}

func fails(how string) order { return order{Do: how, Text: "the test says so"} }

// times repeats an order.
func times(n int, o order) []order {
	all := make([]order, n)
	for i := range all {
		all[i] = o
	}
	return all
}

// call is one invocation of a stub, in the order of arrival.
type call struct {
	Function string
	Payload  json.RawMessage
}

// script is what one scenario's functions do. Each invocation uses up an order
// of its function; the last one stays.
type script struct {
	mu     sync.Mutex
	orders map[string][]order
	calls  []call
}

func (s *script) next(function string, payload []byte) order {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call{function, payload})
	queue := s.orders[function]
	if len(queue) == 0 {
		return order{Do: "none: the test did not expect a call of " + function}
	}
	if len(queue) > 1 {
		s.orders[function] = queue[1:]
	}
	return queue[0]
}

func (s *script) set(function string, orders ...order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders[function] = orders
}

func (s *script) seen() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]call(nil), s.calls...)
}

// scripts serves the stubs. A scenario is known by the deployment in the input.
type scripts struct {
	server *httptest.Server
	mu     sync.Mutex
	all    map[string]*script
}

func newScripts() *scripts {
	d := &scripts{all: map[string]*script{}}
	d.server = httptest.NewServer(d)
	return d
}

func (d *scripts) url() string { return d.server.URL }

// close does not wait for stubs that hang.
func (d *scripts) close() {
	d.server.CloseClientConnections()
	d.server.Close()
}

func (d *scripts) open(scenario string) *script {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &script{orders: map[string][]order{news: {answer("heard")}}}
	d.all[scenario] = s
	return s
}

func (d *scripts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	payload, _ := io.ReadAll(r.Body)
	var in struct {
		Deployment string
		Detail     struct{ Deployment string }
	}
	_ = json.Unmarshal(payload, &in)
	d.mu.Lock()
	s := d.all[in.Deployment+in.Detail.Deployment]
	d.mu.Unlock()
	o := order{Do: "none: no scenario " + in.Deployment}
	if s != nil {
		function, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "-")
		o = s.next(function, payload)
	}
	_ = json.NewEncoder(w).Encode(o)
}
