package globalaccelerator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Operation names an operation of the API, as at the end of X-Amz-Target.
type Operation string

// The operations that the fake serves, and the two entries of a history that
// come from the Go side.
const (
	CreateAccelerator     Operation = "CreateAccelerator"
	DescribeAccelerator   Operation = "DescribeAccelerator"
	ListAccelerators      Operation = "ListAccelerators"
	CreateListener        Operation = "CreateListener"
	DescribeListener      Operation = "DescribeListener"
	ListListeners         Operation = "ListListeners"
	DeleteListener        Operation = "DeleteListener"
	CreateEndpointGroup   Operation = "CreateEndpointGroup"
	DescribeEndpointGroup Operation = "DescribeEndpointGroup"
	ListEndpointGroups    Operation = "ListEndpointGroups"
	UpdateEndpointGroup   Operation = "UpdateEndpointGroup"
	DeleteEndpointGroup   Operation = "DeleteEndpointGroup"
	AddEndpoints          Operation = "AddEndpoints"
	RemoveEndpoints       Operation = "RemoveEndpoints"

	Built  Operation = "(built)"  // Fake.Build
	Edited Operation = "(edited)" // Fake.Edit and the Set methods: an operator's hand
)

// call is one decoded request.
type call interface {
	// target is the ARN that the request is about, "" if there is none yet.
	target() string
	// check finds what is wrong with the request by itself.
	check() *denial
	// run does the work on f.state, with f.mu held, and returns the answer, nil
	// for an empty one. A write that is refused half way is undone by the caller.
	run(f *Fake, exists existing) (any, *denial)
}

// naming is a call that names endpoints which must exist.
type naming interface{ names() []string }

// existing holds which of the endpoints named by a call could be resolved.
type existing map[string]bool

type operation struct {
	writes bool
	decode func(body []byte) (call, *denial)
}

var operations = map[Operation]operation{
	CreateAccelerator:     {true, decode[createAccelerator]},
	DescribeAccelerator:   {false, decode[describeAccelerator]},
	ListAccelerators:      {false, decode[listAccelerators]},
	CreateListener:        {true, decode[createListener]},
	DescribeListener:      {false, decode[describeListener]},
	ListListeners:         {false, decode[listListeners]},
	DeleteListener:        {true, decode[deleteListener]},
	CreateEndpointGroup:   {true, decode[createEndpointGroup]},
	DescribeEndpointGroup: {false, decode[describeEndpointGroup]},
	ListEndpointGroups:    {false, decode[listEndpointGroups]},
	UpdateEndpointGroup:   {true, decode[updateEndpointGroup]},
	DeleteEndpointGroup:   {true, decode[deleteEndpointGroup]},
	AddEndpoints:          {true, decode[addEndpoints]},
	RemoveEndpoints:       {true, decode[removeEndpoints]},
}

// decode reads a request strictly: a member that the API model does not have is
// refused. AWS may tolerate it, but no SDK can send it, so it is a mistake
// (such as sending back the HealthState that was read).
func decode[T call](body []byte) (call, *denial) {
	var in T
	var members any
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&members); err != nil || d.More() {
		return nil, refuse(SerializationException, "the body is not one JSON document")
	}
	if path := unknownMember(reflect.TypeOf(in), members, ""); path != "" {
		return nil, refuse(SerializationException, "unknown member %s", path)
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, refuse(SerializationException, "%v", err)
	}
	if refusal := constrain(reflect.ValueOf(in), ""); refusal != nil {
		return nil, refusal
	}
	return in, nil
}

// unknownMember returns the path of the first member that t does not have, with
// exact case, which encoding/json would let pass.
func unknownMember(t reflect.Type, value any, path string) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			if t.Kind() != reflect.Slice {
				return "" // a wrong type, which Unmarshal explains better
			}
			if p := unknownMember(t.Elem(), item, fmt.Sprintf("%s[%d]", path, i)); p != "" {
				return p
			}
		}
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return ""
		}
		for name, item := range v {
			field, ok := t.FieldByName(name)
			if !ok || field.Anonymous {
				return strings.TrimPrefix(path+"."+name, ".")
			}
			if p := unknownMember(field.Type, item, path+"."+name); p != "" {
				return p
			}
		}
	}
	return ""
}
