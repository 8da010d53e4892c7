package globalaccelerator

import "time"

// The shapes of the API model (2018-08-08), under their own member names. Pointers
// and nil slices tell absent from zero, which means something in requests.

type acceleratorShape struct {
	AcceleratorArn   string
	Name             string
	IpAddressType    string
	Enabled          bool
	IpSets           []ipSetShape
	DnsName          string
	DualStackDnsName string `json:",omitempty"`
	Status           string
	CreatedTime      float64 // seconds since the epoch
	LastModifiedTime float64
}

type ipSetShape struct {
	IpFamily        string
	IpAddressFamily string
	IpAddresses     []string
}

type listenerShape struct {
	ListenerArn    string
	PortRanges     []portRangeShape
	Protocol       string
	ClientAffinity string
}

type portRangeShape struct {
	FromPort *int32
	ToPort   *int32
}

type groupShape struct {
	EndpointGroupArn           string
	EndpointGroupRegion        string
	EndpointDescriptions       []endpointShape
	TrafficDialPercentage      float32
	HealthCheckPort            int32
	HealthCheckProtocol        string
	HealthCheckPath            string `json:",omitempty"`
	HealthCheckIntervalSeconds int32
	ThresholdCount             int32
	PortOverrides              []overrideShape
}

type overrideShape struct {
	ListenerPort *int32
	EndpointPort *int32
}

type endpointShape struct {
	EndpointId                  string
	Weight                      int32
	HealthState                 Health
	HealthReason                string `json:",omitempty"`
	ClientIPPreservationEnabled bool
}

// endpointConfiguration is what a client may say of an endpoint.
type endpointConfiguration struct {
	EndpointId                  *string
	Weight                      *int32
	ClientIPPreservationEnabled *bool
	AttachmentArn               *string
}

type tagShape struct {
	Key   *string
	Value *string
}

func (a Accelerator) shape() acceleratorShape {
	s := acceleratorShape{
		AcceleratorArn: a.ARN, Name: a.Name, IpAddressType: "IPV4", Enabled: a.Enabled,
		IpSets:  []ipSetShape{{"IPv4", "IPv4", a.IPAddresses}},
		DnsName: a.DNSName, DualStackDnsName: a.DualStackDNSName, Status: a.Status,
		CreatedTime: epoch(a.Created), LastModifiedTime: epoch(a.Modified),
	}
	if a.DualStackDNSName != "" {
		s.IpAddressType = "DUAL_STACK"
	}
	return s
}

func (l Listener) shape() listenerShape {
	s := listenerShape{ListenerArn: l.ARN, Protocol: l.Protocol, ClientAffinity: l.Affinity}
	for _, p := range l.Ports {
		s.PortRanges = append(s.PortRanges, portRangeShape{&p.From, &p.To})
	}
	return s
}

func (g Group) shape() groupShape {
	s := groupShape{
		EndpointGroupArn: g.ARN, EndpointGroupRegion: g.Region,
		EndpointDescriptions:  shapes(g.Endpoints),
		TrafficDialPercentage: g.Dial,
		HealthCheckPort:       g.HealthCheck.Port, HealthCheckProtocol: g.HealthCheck.Protocol,
		HealthCheckPath: g.HealthCheck.Path, HealthCheckIntervalSeconds: g.HealthCheck.Interval,
		ThresholdCount: g.HealthCheck.Threshold, PortOverrides: []overrideShape{},
	}
	for _, o := range g.Overrides {
		s.PortOverrides = append(s.PortOverrides, overrideShape{&o.ListenerPort, &o.EndpointPort})
	}
	return s
}

func shapes(endpoints []Endpoint) []endpointShape {
	list := []endpointShape{}
	for _, e := range endpoints {
		list = append(list, endpointShape{e.ID, e.Weight, e.Health, e.HealthReason, e.PreserveClientIP})
	}
	return list
}

func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// value is what p points to, or otherwise.
func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
