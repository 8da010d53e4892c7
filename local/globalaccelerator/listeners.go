package globalaccelerator

import "slices"

type describeListener struct {
	ListenerArn *string `api:"required"`
}

func (c describeListener) target() string { return *c.ListenerArn }
func (describeListener) check() *denial   { return nil }

func (c describeListener) run(f *Fake, _ existing) (any, *denial) {
	l := f.state.listener(*c.ListenerArn)
	if l == nil {
		return nil, noListener(*c.ListenerArn)
	}
	return struct{ Listener listenerShape }{l.shape()}, nil
}

type listListeners struct {
	paging
	AcceleratorArn *string `api:"required"`
}

func (c listListeners) target() string { return *c.AcceleratorArn }

func (c listListeners) run(f *Fake, _ existing) (any, *denial) {
	a := f.state.accelerator(*c.AcceleratorArn)
	if a == nil {
		return nil, noAccelerator(*c.AcceleratorArn)
	}
	items, next, refusal := page(c.paging, f.pageSize, "listeners of "+a.ARN, a.Listeners)
	if refusal != nil {
		return nil, refusal
	}
	answer := struct {
		Listeners []listenerShape
		NextToken *string `json:",omitempty"`
	}{[]listenerShape{}, next}
	for _, l := range items {
		answer.Listeners = append(answer.Listeners, l.shape())
	}
	return answer, nil
}

type deleteListener struct {
	ListenerArn *string `api:"required"`
}

func (c deleteListener) target() string { return *c.ListenerArn }
func (deleteListener) check() *denial   { return nil }

// run refuses to delete a listener with groups, as the documentation of
// AssociatedEndpointGroupFoundException says.
func (c deleteListener) run(f *Fake, _ existing) (any, *denial) {
	l := f.state.listener(*c.ListenerArn)
	if l == nil {
		return nil, noListener(*c.ListenerArn)
	}
	if len(l.Groups) > 0 {
		return nil, refuse(AssociatedEndpointGroupFoundException, "%s has %d endpoint groups", l.ARN, len(l.Groups))
	}
	for i := range f.state.Accelerators {
		a := &f.state.Accelerators[i]
		a.Listeners = slices.DeleteFunc(a.Listeners, func(l Listener) bool { return l.ARN == *c.ListenerArn })
	}
	return nil, nil
}

func noListener(arn string) *denial {
	return refuse(ListenerNotFoundException, "there is no listener %q", arn)
}
