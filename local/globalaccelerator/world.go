package globalaccelerator

import (
	"fmt"
	"slices"
)

// NewListener describes a TCP listener on one port, for Build.
func NewListener(port int32, groups ...Group) Listener {
	l := Listener{Protocol: "TCP", Affinity: "NONE", Ports: []PortRange{{port, port}}}
	for _, g := range groups {
		if g.HealthCheck.Port == 0 {
			g.HealthCheck.Port = port
		}
		l.Groups = append(l.Groups, g)
	}
	return l
}

// NewGroup describes a group with a dial of 100, for NewListener.
func NewGroup(region string, endpoints ...Endpoint) Group {
	g := newGroup(nil, region)
	g.Endpoints = endpoints
	return g
}

// WithDial is the group with another traffic dial, in percent.
func (g Group) WithDial(percent float32) Group {
	g.Dial = percent
	return g
}

// NewEndpoint describes a healthy endpoint of weight 128, with AWS's default of
// client IP preservation for its kind.
func NewEndpoint(id string) Endpoint {
	return Endpoint{ID: id, Weight: DefaultWeight, PreserveClientIP: preservesByDefault(id), Health: Healthy}
}

// WithWeight is the endpoint with another weight.
func (e Endpoint) WithWeight(weight int32) Endpoint {
	e.Weight = weight
	return e
}

// WithHealth is the endpoint in another health.
func (e Endpoint) WithHealth(h Health) Endpoint {
	e.Health = h
	return e
}

// PreservingClientIP is the endpoint with client IP preservation enabled.
func (e Endpoint) PreservingClientIP() Endpoint {
	e.PreserveClientIP = true
	return e
}

// Build adds an enabled dual-stack accelerator with the listeners, gives
// everything its ARN and returns it. ARNs and DNS names depend only on the name,
// the contents and how many accelerators there were. The world must obey the rules
// of the service, except that nothing need resolve: balancers are also deleted
// behind an accelerator's back. The error is the refusal AWS would have given.
func (f *Fake) Build(name string, listeners ...Listener) (Accelerator, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := Accelerator{Name: name, Enabled: true, Status: "DEPLOYED"}
	f.identify(&a, len(f.state.Accelerators))
	a.DualStackDNSName = dualStackName(a.DNSName)
	for _, l := range listeners {
		if err := a.build(l); err != nil {
			return Accelerator{}, fmt.Errorf("building accelerator %s: %w", name, err)
		}
	}
	f.state.Accelerators = append(f.state.Accelerators, a)
	f.record(Built, "", name)
	return a.clone(), nil
}

func (a *Accelerator) build(l Listener) error {
	groups := l.Groups
	l.Groups = nil
	if refusal := a.addListener(l); refusal != nil {
		return refusal
	}
	added := &a.Listeners[len(a.Listeners)-1]
	for _, g := range groups {
		if g.Dial < 0 || g.Dial > 100 {
			return invalid("the dial of %s is %v, want 0 to 100", g.Region, g.Dial)
		}
		if refusal := checkEndpoints(g.Region, g.Endpoints); refusal != nil {
			return refusal
		}
		if refusal := added.addGroup(g.clone()); refusal != nil {
			return refusal
		}
	}
	return nil
}

// Edit changes the world as an operator would, at once and without any rule,
// and notes it in the history. The state belongs to the fake: it must not be kept
// after change returns, and change must not call the fake.
func (f *Fake) Edit(note string, change func(*State)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.state)
	f.state = f.state.clone() // so that nothing change put in is shared
	f.record(Edited, "", note)
}

// SetHealth sets what the health checks of an endpoint find, in the named
// groups, or in all of them.
func (f *Fake) SetHealth(endpointID string, h Health, groupARNs ...string) {
	f.Edit(fmt.Sprintf("health of %s: %s", endpointID, h), func(s *State) {
		s.each(groupARNs, func(g *Group) {
			for i := range g.Endpoints {
				if g.Endpoints[i].ID == endpointID {
					g.Endpoints[i].Health = h
				}
			}
		})
	})
}

// SetWeight sets the weight of an endpoint in the named groups, or in all.
func (f *Fake) SetWeight(endpointID string, weight int32, groupARNs ...string) {
	f.Edit(fmt.Sprintf("weight of %s: %d", endpointID, weight), func(s *State) {
		s.each(groupARNs, func(g *Group) {
			for i := range g.Endpoints {
				if g.Endpoints[i].ID == endpointID {
					g.Endpoints[i].Weight = weight
				}
			}
		})
	})
}

// SetDial sets the traffic dial, in percent, of the named groups, or of all.
func (f *Fake) SetDial(percent float32, groupARNs ...string) {
	f.Edit(fmt.Sprintf("dial: %v", percent), func(s *State) {
		s.each(groupARNs, func(g *Group) { g.Dial = percent })
	})
}

// SetStatus sets the deployment status of an accelerator: DEPLOYED or
// IN_PROGRESS.
func (f *Fake) SetStatus(acceleratorARN, status string) {
	f.Edit("status: "+status, func(s *State) {
		if a := s.accelerator(acceleratorARN); a != nil {
			a.Status = status
		}
	})
}

// Deploying makes every write from now on leave its accelerator IN_PROGRESS, so
// that the next reads of it (DescribeAccelerator) say so, and DEPLOYED after them;
// 0, as at first, deploys at once.
func (f *Fake) Deploying(reads int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deploying = reads
}

// ReadStatus is a read of an accelerator's status without a call, "" if there is
// no such accelerator.
func (f *Fake) ReadStatus(acceleratorARN string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.state.accelerator(acceleratorARN)
	if a == nil {
		return ""
	}
	status := a.Status
	f.wasRead(a)
	return status
}

// SetNewEndpointHealth sets the state of endpoints that are added from now on.
func (f *Fake) SetNewEndpointHealth(h Health) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opts.NewEndpointHealth = h
}

// each visits the groups with these ARNs, or all if there are none.
func (s *State) each(arns []string, visit func(*Group)) {
	for i := range s.Accelerators {
		for j := range s.Accelerators[i].Listeners {
			groups := s.Accelerators[i].Listeners[j].Groups
			for k := range groups {
				if len(arns) == 0 || slices.Contains(arns, groups[k].ARN) {
					visit(&groups[k])
				}
			}
		}
	}
}
