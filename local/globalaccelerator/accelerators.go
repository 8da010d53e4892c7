package globalaccelerator

import "slices"

// maxListeners per accelerator. Source: the quotas page of the developer guide.
const maxListeners = 10

type createAccelerator struct {
	Name             *string `api:"required"`
	IdempotencyToken *string `api:"required"`
	IpAddressType    *string
	IpAddresses      []string `list:"0-2"`
	Enabled          *bool
	Tags             []tagShape
}

func (createAccelerator) target() string { return "" }

func (c createAccelerator) check() *denial {
	if t := value(c.IpAddressType, "IPV4"); t != "IPV4" && t != "DUAL_STACK" {
		return invalid("IpAddressType is %q, want IPV4 or DUAL_STACK", t)
	}
	if *c.Name == "" || len(*c.Name) > 64 {
		return invalid("Name has %d characters, want 1 to 64", len(*c.Name))
	}
	if len(c.IpAddresses) > 0 {
		return invalid("IpAddresses: this fake has no addresses of your own (BYOIP)")
	}
	return nil
}

func (c createAccelerator) run(f *Fake, _ existing) (any, *denial) {
	if arn := f.tokens[*c.IdempotencyToken]; arn != "" {
		if a := f.state.accelerator(arn); a != nil {
			return struct{ Accelerator acceleratorShape }{a.shape()}, nil
		}
	}
	a := Accelerator{Name: *c.Name, Enabled: value(c.Enabled, true), Status: "DEPLOYED"}
	f.identify(&a, len(f.state.Accelerators))
	if value(c.IpAddressType, "IPV4") == "DUAL_STACK" {
		a.DualStackDNSName = dualStackName(a.DNSName)
	}
	f.state.Accelerators = append(f.state.Accelerators, a)
	f.tokens[*c.IdempotencyToken] = a.ARN
	return struct{ Accelerator acceleratorShape }{a.shape()}, nil
}

type describeAccelerator struct {
	AcceleratorArn *string `api:"required"`
}

func (c describeAccelerator) target() string { return *c.AcceleratorArn }
func (describeAccelerator) check() *denial   { return nil }

func (c describeAccelerator) run(f *Fake, _ existing) (any, *denial) {
	a := f.state.accelerator(*c.AcceleratorArn)
	if a == nil {
		return nil, noAccelerator(*c.AcceleratorArn)
	}
	answer := struct{ Accelerator acceleratorShape }{a.shape()}
	f.wasRead(a)
	return answer, nil
}

// wasRead counts a read of the status, see Deploying.
func (f *Fake) wasRead(a *Accelerator) {
	if f.pending[a.ARN] == 0 {
		return
	}
	if f.pending[a.ARN]--; f.pending[a.ARN] == 0 {
		a.Status = "DEPLOYED"
	}
}

type listAccelerators struct{ paging }

func (listAccelerators) target() string { return "" }

func (c listAccelerators) run(f *Fake, _ existing) (any, *denial) {
	items, next, refusal := page(c.paging, f.pageSize, "accelerators", f.state.Accelerators)
	if refusal != nil {
		return nil, refusal
	}
	answer := struct {
		Accelerators []acceleratorShape
		NextToken    *string `json:",omitempty"`
	}{[]acceleratorShape{}, next}
	for _, a := range items {
		answer.Accelerators = append(answer.Accelerators, a.shape())
	}
	return answer, nil
}

type createListener struct {
	AcceleratorArn   *string          `api:"required"`
	PortRanges       []portRangeShape `api:"required" list:"1-10"`
	Protocol         *string          `api:"required"`
	IdempotencyToken *string          `api:"required"`
	ClientAffinity   *string
}

func (c createListener) target() string { return *c.AcceleratorArn }

func (c createListener) check() *denial {
	if *c.Protocol != "TCP" && *c.Protocol != "UDP" {
		return invalid("Protocol is %q, want TCP or UDP", *c.Protocol)
	}
	if a := value(c.ClientAffinity, "NONE"); a != "NONE" && a != "SOURCE_IP" {
		return invalid("ClientAffinity is %q, want NONE or SOURCE_IP", a)
	}
	return nil
}

func (c createListener) run(f *Fake, _ existing) (any, *denial) {
	if l := f.state.listener(f.tokens[*c.IdempotencyToken]); l != nil {
		return struct{ Listener listenerShape }{l.shape()}, nil
	}
	a := f.state.accelerator(*c.AcceleratorArn)
	if a == nil {
		return nil, noAccelerator(*c.AcceleratorArn)
	}
	l := Listener{Protocol: *c.Protocol, Affinity: value(c.ClientAffinity, "NONE")}
	for _, p := range c.PortRanges {
		l.Ports = append(l.Ports, PortRange{value(p.FromPort, 0), value(p.ToPort, 0)})
	}
	if refusal := a.addListener(l); refusal != nil {
		return nil, refusal
	}
	added := a.Listeners[len(a.Listeners)-1]
	f.tokens[*c.IdempotencyToken] = added.ARN
	return struct{ Listener listenerShape }{added.shape()}, nil
}

// addListener appends the listener under a new ARN. Ports must be free for the
// protocol: InvalidPortRangeException is for numbers that "are not valid numbers
// or are not unique for this accelerator".
func (a *Accelerator) addListener(l Listener) *denial {
	if len(a.Listeners) == maxListeners {
		return refuse(LimitExceededException, "%s has %d listeners", a.ARN, maxListeners)
	}
	for i, p := range l.Ports {
		if p.From < 1 || p.To > 65535 || p.From > p.To {
			return refuse(InvalidPortRangeException, "%d-%d is no port range", p.From, p.To)
		}
		taken := slices.Clone(l.Ports[:i])
		for _, other := range a.Listeners {
			if other.Protocol == l.Protocol {
				taken = append(taken, other.Ports...)
			}
		}
		for _, t := range taken {
			if p.From <= t.To && t.From <= p.To {
				return refuse(InvalidPortRangeException, "%d-%d overlaps %d-%d", p.From, p.To, t.From, t.To)
			}
		}
	}
	l.ARN = listenerARN(a.ARN, l)
	a.Listeners = append(a.Listeners, l)
	return nil
}

func noAccelerator(arn string) *denial {
	return refuse(AcceleratorNotFoundException, "there is no accelerator %q", arn)
}
