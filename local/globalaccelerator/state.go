package globalaccelerator

import (
	"slices"
	"time"
)

// Health is what Global Accelerator's health checks found.
type Health string

// The values of HealthState in the API.
const (
	Initial   Health = "INITIAL"
	Healthy   Health = "HEALTHY"
	Unhealthy Health = "UNHEALTHY"
)

// The defaults that AWS documents, for what a request leaves out.
const (
	DefaultWeight = 128 // of 0 to 255
	DefaultDial   = 100 // percent
)

// State is everything the service holds, as plain values. A State that a method
// of Fake returned is a copy: changing it changes nothing else.
type State struct {
	Accelerators []Accelerator
}

// Accelerator is one standard accelerator.
type Accelerator struct {
	ARN              string
	Name             string
	DNSName          string
	DualStackDNSName string // empty for an IPv4 accelerator
	IPAddresses      []string
	Enabled          bool
	Status           string // DEPLOYED or IN_PROGRESS
	Created          time.Time
	Modified         time.Time
	Listeners        []Listener
}

// Listener takes client connections on port ranges of an accelerator.
type Listener struct {
	ARN      string
	Protocol string // TCP or UDP
	Affinity string // NONE or SOURCE_IP
	Ports    []PortRange
	Groups   []Group
}

// PortRange is inclusive at both ends.
type PortRange struct {
	From int32
	To   int32
}

// Group is an endpoint group: the endpoints of one Region behind a listener.
type Group struct {
	ARN         string
	Region      string
	Dial        float32 // percent, 0 to 100
	HealthCheck HealthCheck
	Overrides   []PortOverride
	Endpoints   []Endpoint
}

// HealthCheck is how Global Accelerator probes the endpoints of a group.
type HealthCheck struct {
	Port      int32
	Protocol  string
	Path      string
	Interval  int32 // seconds
	Threshold int32
}

// PortOverride maps a listener's port to another one at the endpoints.
type PortOverride struct {
	ListenerPort int32
	EndpointPort int32
}

// Endpoint is a load balancer (its ARN), an Elastic IP (its allocation id) or
// an instance in a group.
type Endpoint struct {
	ID               string
	Weight           int32 // 0 to 255; 0 takes it out of service
	PreserveClientIP bool
	Health           Health
	HealthReason     string
}

// InService says which endpoints take new connections of the listener: those
// with a weight in a group that is dialled up. Health plays no part, since
// Global Accelerator fails open when nothing is healthy.
func (l Listener) InService() []Endpoint {
	var in []Endpoint
	for _, g := range l.Groups {
		for _, e := range g.Endpoints {
			if g.Dial > 0 && e.Weight > 0 {
				in = append(in, e)
			}
		}
	}
	return in
}

// Dark lists the ARNs of the listeners that no endpoint serves.
func (s State) Dark() []string {
	var dark []string
	for _, a := range s.Accelerators {
		for _, l := range a.Listeners {
			if len(l.InService()) == 0 {
				dark = append(dark, l.ARN)
			}
		}
	}
	return dark
}

// Group finds an endpoint group by its ARN.
func (s State) Group(arn string) (Group, bool) {
	if g := s.group(arn); g != nil {
		return *g, true
	}
	return Group{}, false
}

// Holding lists the ARNs of the groups that hold the endpoint.
func (s State) Holding(endpointID string) []string {
	var arns []string
	for _, a := range s.Accelerators {
		for _, l := range a.Listeners {
			for _, g := range l.Groups {
				if slices.ContainsFunc(g.Endpoints, func(e Endpoint) bool { return e.ID == endpointID }) {
					arns = append(arns, g.ARN)
				}
			}
		}
	}
	return arns
}

func (s State) clone() State {
	s.Accelerators = slices.Clone(s.Accelerators)
	for i := range s.Accelerators {
		s.Accelerators[i] = s.Accelerators[i].clone()
	}
	return s
}

func (a Accelerator) clone() Accelerator {
	a.IPAddresses = slices.Clone(a.IPAddresses)
	a.Listeners = slices.Clone(a.Listeners)
	for i, l := range a.Listeners {
		l.Ports = slices.Clone(l.Ports)
		l.Groups = slices.Clone(l.Groups)
		for j := range l.Groups {
			l.Groups[j] = l.Groups[j].clone()
		}
		a.Listeners[i] = l
	}
	return a
}

func (g Group) clone() Group {
	g.Overrides = slices.Clone(g.Overrides)
	g.Endpoints = slices.Clone(g.Endpoints)
	return g
}

func (s State) accelerator(arn string) *Accelerator {
	for i := range s.Accelerators {
		if s.Accelerators[i].ARN == arn {
			return &s.Accelerators[i]
		}
	}
	return nil
}

func (s State) listener(arn string) *Listener {
	for i := range s.Accelerators {
		for j := range s.Accelerators[i].Listeners {
			if l := &s.Accelerators[i].Listeners[j]; l.ARN == arn {
				return l
			}
		}
	}
	return nil
}

func (s State) group(arn string) *Group {
	for i := range s.Accelerators {
		for j := range s.Accelerators[i].Listeners {
			groups := s.Accelerators[i].Listeners[j].Groups
			for k := range groups {
				if groups[k].ARN == arn {
					return &groups[k]
				}
			}
		}
	}
	return nil
}
