package awsfake

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

// Parameters is Systems Manager's parameter store. It knows GetParameter.
type Parameters struct {
	Faults
	mu     sync.Mutex
	values map[string]string
}

// Set stores a parameter.
func (p *Parameters) Set(name, value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.values == nil {
		p.values = map[string]string{}
	}
	p.values[name] = value
}

// Value is a parameter's value, "" if there is none.
func (p *Parameters) Value(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.values[name]
}

// ServeHTTP implements the JSON 1.1 protocol.
func (p *Parameters) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fault := p.arrive(r, string(body))
	if fault.fails() {
		fault.answer(w, nil)
		return
	}
	var in struct{ Name string }
	if r.Header.Get("X-Amz-Target") != "AmazonSSM.GetParameter" || json.Unmarshal(body, &in) != nil {
		refuse(w, http.StatusBadRequest, "UnknownOperationException")
		return
	}
	p.mu.Lock()
	value, ok := p.values[in.Name]
	p.mu.Unlock()
	if !ok {
		refuse(w, http.StatusBadRequest, "ParameterNotFound")
		return
	}
	fault.answer(w, map[string]any{"Parameter": map[string]any{"Name": in.Name, "Type": "String", "Value": value, "Version": 1}})
}
