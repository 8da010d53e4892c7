package globalaccelerator

import "slices"

// settings are the members that CreateEndpointGroup and UpdateEndpointGroup
// share besides the endpoints. Absent means the default on creation and
// unchanged on an update.
type settings struct {
	TrafficDialPercentage      *float32
	HealthCheckPort            *int32
	HealthCheckProtocol        *string
	HealthCheckPath            *string
	HealthCheckIntervalSeconds *int32
	ThresholdCount             *int32
	PortOverrides              []overrideShape `list:"0-10"`
}

// check holds the numbers to the ranges of the API model.
func (s settings) check() *denial {
	if d := value(s.TrafficDialPercentage, DefaultDial); d < 0 || d > 100 {
		return invalid("TrafficDialPercentage is %v, want 0 to 100", d)
	}
	if p := value(s.HealthCheckPort, 1); p < 1 || p > 65535 {
		return invalid("HealthCheckPort is %d, want 1 to 65535", p)
	}
	if p := value(s.HealthCheckProtocol, "TCP"); p != "TCP" && p != "HTTP" && p != "HTTPS" {
		return invalid("HealthCheckProtocol is %q, want TCP, HTTP or HTTPS", p)
	}
	if i := value(s.HealthCheckIntervalSeconds, 30); i != 10 && i != 30 {
		return invalid("HealthCheckIntervalSeconds is %d, want 10 or 30", i)
	}
	if t := value(s.ThresholdCount, 3); t < 1 || t > 10 {
		return invalid("ThresholdCount is %d, want 1 to 10", t)
	}
	return nil
}

func (s settings) apply(g *Group) {
	h := &g.HealthCheck
	g.Dial = value(s.TrafficDialPercentage, g.Dial)
	h.Port = value(s.HealthCheckPort, h.Port)
	h.Protocol = value(s.HealthCheckProtocol, h.Protocol)
	h.Path = value(s.HealthCheckPath, h.Path)
	h.Interval = value(s.HealthCheckIntervalSeconds, h.Interval)
	h.Threshold = value(s.ThresholdCount, h.Threshold)
	if s.PortOverrides != nil {
		g.Overrides = nil
		for _, o := range s.PortOverrides {
			g.Overrides = append(g.Overrides, PortOverride{value(o.ListenerPort, 0), value(o.EndpointPort, 0)})
		}
	}
}

// newGroup has AWS's defaults; the health check's port is the listener's first.
func newGroup(l *Listener, region string) Group {
	g := Group{Region: region, Dial: DefaultDial, HealthCheck: HealthCheck{Protocol: "TCP", Interval: 30, Threshold: 3}}
	if l != nil && len(l.Ports) > 0 {
		g.HealthCheck.Port = l.Ports[0].From
	}
	return g
}

type createEndpointGroup struct {
	settings
	ListenerArn            *string                 `api:"required"`
	EndpointGroupRegion    *string                 `api:"required"`
	IdempotencyToken       *string                 `api:"required"`
	EndpointConfigurations []endpointConfiguration `list:"0-10"`
}

func (c createEndpointGroup) target() string  { return *c.ListenerArn }
func (c createEndpointGroup) names() []string { return names(c.EndpointConfigurations) }

func (c createEndpointGroup) run(f *Fake, exists existing) (any, *denial) {
	type answer struct{ EndpointGroup groupShape }
	if g := f.state.group(f.tokens[*c.IdempotencyToken]); g != nil {
		return answer{g.shape()}, nil
	}
	l := f.state.listener(*c.ListenerArn)
	if l == nil {
		return nil, noListener(*c.ListenerArn)
	}
	g := newGroup(l, *c.EndpointGroupRegion)
	c.apply(&g)
	var refusal *denial
	if g.Endpoints, refusal = f.configure(g, c.EndpointConfigurations, exists); refusal != nil {
		return nil, refusal
	}
	if refusal := l.addGroup(g); refusal != nil {
		return nil, refusal
	}
	added := l.Groups[len(l.Groups)-1]
	f.tokens[*c.IdempotencyToken] = added.ARN
	return answer{added.shape()}, nil
}

// addGroup appends the group under its ARN. Source: "An Amazon Web Services
// Region can have only one endpoint group for a specific listener."
func (l *Listener) addGroup(g Group) *denial {
	if !regionName.MatchString(g.Region) {
		return invalid("EndpointGroupRegion %q is no Region", g.Region)
	}
	if slices.ContainsFunc(l.Groups, func(o Group) bool { return o.Region == g.Region }) {
		return refuse(EndpointGroupAlreadyExistsException, "%s has a group in %s", l.ARN, g.Region)
	}
	g.ARN = groupARN(l.ARN, g.Region)
	l.Groups = append(l.Groups, g)
	return nil
}

type describeEndpointGroup struct {
	EndpointGroupArn *string `api:"required"`
}

func (c describeEndpointGroup) target() string { return *c.EndpointGroupArn }
func (describeEndpointGroup) check() *denial   { return nil }

func (c describeEndpointGroup) run(f *Fake, _ existing) (any, *denial) {
	g := f.state.group(*c.EndpointGroupArn)
	if g == nil {
		return nil, noGroup(*c.EndpointGroupArn)
	}
	return struct{ EndpointGroup groupShape }{f.stale.read(*g).shape()}, nil
}

type listEndpointGroups struct {
	paging
	ListenerArn *string `api:"required"`
}

func (c listEndpointGroups) target() string { return *c.ListenerArn }

func (c listEndpointGroups) run(f *Fake, _ existing) (any, *denial) {
	l := f.state.listener(*c.ListenerArn)
	if l == nil {
		return nil, noListener(*c.ListenerArn)
	}
	items, next, refusal := page(c.paging, f.pageSize, "groups of "+l.ARN, l.Groups)
	if refusal != nil {
		return nil, refusal
	}
	answer := struct {
		EndpointGroups []groupShape
		NextToken      *string `json:",omitempty"`
	}{[]groupShape{}, next}
	for _, g := range items {
		answer.EndpointGroups = append(answer.EndpointGroups, f.stale.read(g).shape())
	}
	return answer, nil
}

type deleteEndpointGroup struct {
	EndpointGroupArn *string `api:"required"`
}

func (c deleteEndpointGroup) target() string { return *c.EndpointGroupArn }
func (deleteEndpointGroup) check() *denial   { return nil }

func (c deleteEndpointGroup) run(f *Fake, _ existing) (any, *denial) {
	arn := *c.EndpointGroupArn
	if f.state.group(arn) == nil {
		return nil, noGroup(arn)
	}
	for i := range f.state.Accelerators {
		for j := range f.state.Accelerators[i].Listeners {
			l := &f.state.Accelerators[i].Listeners[j]
			l.Groups = slices.DeleteFunc(l.Groups, func(g Group) bool { return g.ARN == arn })
		}
	}
	return nil, nil
}

func noGroup(arn string) *denial {
	return refuse(EndpointGroupNotFoundException, "there is no endpoint group %q", arn)
}
