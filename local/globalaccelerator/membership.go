package globalaccelerator

import "slices"

type updateEndpointGroup struct {
	settings
	EndpointGroupArn       *string                 `api:"required"`
	EndpointConfigurations []endpointConfiguration `list:"0-10"`
}

func (c updateEndpointGroup) target() string  { return *c.EndpointGroupArn }
func (c updateEndpointGroup) names() []string { return names(c.EndpointConfigurations) }

// run replaces the whole set if EndpointConfigurations is present, be it empty.
// Nothing is merged: a member that is left out of a configuration gets its
// default again. All endpoints of the new set must resolve ("Global Accelerator
// must resolve all of the endpoints that remain in the group").
func (c updateEndpointGroup) run(f *Fake, exists existing) (any, *denial) {
	g := f.state.group(*c.EndpointGroupArn)
	if g == nil {
		return nil, noGroup(*c.EndpointGroupArn)
	}
	if c.EndpointConfigurations != nil {
		list, refusal := f.configure(*g, c.EndpointConfigurations, exists)
		if refusal != nil {
			return nil, refusal
		}
		g.Endpoints = list
	}
	c.apply(g)
	return struct{ EndpointGroup groupShape }{g.shape()}, nil
}

type addEndpoints struct {
	EndpointGroupArn       *string                 `api:"required"`
	EndpointConfigurations []endpointConfiguration `api:"required" list:"0-10"`
}

func (c addEndpoints) target() string  { return *c.EndpointGroupArn }
func (c addEndpoints) names() []string { return names(c.EndpointConfigurations) }
func (addEndpoints) check() *denial    { return nil }

// run resolves the new endpoints only ("rather than resolving new and existing
// endpoints").
func (c addEndpoints) run(f *Fake, exists existing) (any, *denial) {
	g := f.state.group(*c.EndpointGroupArn)
	if g == nil {
		return nil, noGroup(*c.EndpointGroupArn)
	}
	list, refusal := f.configure(*g, c.EndpointConfigurations, exists)
	if refusal != nil {
		return nil, refusal
	}
	for _, e := range list {
		if slices.ContainsFunc(g.Endpoints, e.same) {
			return nil, refuse(f.opts.KnownEndpoint, "%s is in the group", e.ID)
		}
	}
	all := append(slices.Clone(g.Endpoints), list...)
	if refusal := checkEndpoints(g.Region, all); refusal != nil {
		return nil, refusal
	}
	g.Endpoints = all
	return struct {
		EndpointDescriptions []endpointShape
		EndpointGroupArn     string
	}{shapes(list), g.ARN}, nil
}

type endpointIdentifier struct {
	EndpointId                  *string `api:"required"`
	ClientIPPreservationEnabled *bool
}

type removeEndpoints struct {
	EndpointGroupArn    *string              `api:"required"`
	EndpointIdentifiers []endpointIdentifier `api:"required" list:"1-10"`
}

func (c removeEndpoints) target() string { return *c.EndpointGroupArn }
func (removeEndpoints) check() *denial   { return nil }

// run removes all the named endpoints or none. An identifier without
// ClientIPPreservationEnabled must fit one endpoint only; what AWS does with an
// ambiguous one is not documented.
func (c removeEndpoints) run(f *Fake, _ existing) (any, *denial) {
	g := f.state.group(*c.EndpointGroupArn)
	if g == nil {
		return nil, noGroup(*c.EndpointGroupArn)
	}
	for _, id := range c.EndpointIdentifiers {
		fits := func(e Endpoint) bool {
			return e.ID == *id.EndpointId && value(id.ClientIPPreservationEnabled, e.PreserveClientIP) == e.PreserveClientIP
		}
		before := len(g.Endpoints)
		g.Endpoints = slices.DeleteFunc(slices.Clone(g.Endpoints), fits)
		switch before - len(g.Endpoints) {
		case 0:
			return nil, refuse(f.opts.UnknownEndpoint, "%s is not in the group", *id.EndpointId)
		case 1:
		default:
			return nil, invalid("%s is in the group with and without client IP preservation: say which", *id.EndpointId)
		}
	}
	return nil, nil
}
