package globalaccelerator

import (
	"regexp"
	"slices"
	"strings"
)

// maxEndpoints per group. Source: the quotas page of the developer guide; for
// groups of one kind other than Application Load Balancers it can be raised.
const maxEndpoints = 10

var (
	regionName   = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	loadBalancer = regexp.MustCompile(`^arn:aws[a-z-]*:elasticloadbalancing:([a-z0-9-]+):[0-9]{12}:loadbalancer/(app|net)/[^/]+/[^/]+$`)
	elasticIP    = regexp.MustCompile(`^eipalloc-[0-9a-f]+$`)
	instance     = regexp.MustCompile(`^i-[0-9a-f]+$`)
)

func names(configurations []endpointConfiguration) []string {
	var ids []string
	for _, c := range configurations {
		ids = append(ids, value(c.EndpointId, ""))
	}
	return ids
}

// configure turns what a client says of endpoints into endpoints of the group,
// under all of AWS's rules.
func (f *Fake) configure(g Group, configurations []endpointConfiguration, exists existing) ([]Endpoint, *denial) {
	var list []Endpoint
	for _, c := range configurations {
		if c.EndpointId == nil {
			return nil, invalid("an endpoint without EndpointId")
		}
		if c.AttachmentArn != nil {
			return nil, invalid("AttachmentArn: this fake has no cross-account attachments")
		}
		e := Endpoint{
			ID:               *c.EndpointId,
			Weight:           value(c.Weight, DefaultWeight),
			PreserveClientIP: value(c.ClientIPPreservationEnabled, preservesByDefault(*c.EndpointId)),
			Health:           f.opts.NewEndpointHealth,
		}
		// What was in the group already keeps the health that was found.
		for _, old := range g.Endpoints {
			if old.same(e) {
				e.Health, e.HealthReason = old.Health, old.HealthReason
			}
		}
		if !exists[e.ID] {
			return nil, invalid("endpoint %s does not exist or is not active", e.ID)
		}
		list = append(list, e)
	}
	return list, checkEndpoints(g.Region, list)
}

// checkEndpoints holds a group's endpoints to the rules that bind at any time.
func checkEndpoints(region string, list []Endpoint) *denial {
	if len(list) > maxEndpoints {
		return refuse(LimitExceededException, "%d endpoints in a group, at most %d", len(list), maxEndpoints)
	}
	for i, e := range list {
		if e.Weight < 0 || e.Weight > 255 {
			return invalid("the weight of %s is %d, want 0 to 255", e.ID, e.Weight)
		}
		if slices.ContainsFunc(list[:i], e.same) {
			return invalid("endpoint %s is named twice", e.ID)
		}
		if refusal := e.checkKind(region); refusal != nil {
			return refusal
		}
	}
	return nil
}

// checkKind refuses what is no endpoint, and a load balancer of another Region
// with the words that AWS was seen to use for it (it looks the ARN up in the
// group's Region).
func (e Endpoint) checkKind(region string) *denial {
	switch parts := loadBalancer.FindStringSubmatch(e.ID); {
	case parts != nil && parts[1] != region, strings.HasPrefix(e.ID, "arn:") && parts == nil:
		return invalid("'%s' is not a valid load balancer ARN (Service: AmazonElasticLoadBalancing; Status Code: 400; Error Code: ValidationError)", e.ID)
	case parts != nil, instance.MatchString(e.ID):
		return nil
	case elasticIP.MatchString(e.ID):
		// "Client IP address preservation is not supported for Elastic IP
		// address endpoints" (developer guide).
		if e.PreserveClientIP {
			return invalid("client IP preservation is not supported for Elastic IP %s", e.ID)
		}
		return nil
	default:
		return invalid("%q is no load balancer ARN, Elastic IP allocation or instance id", e.ID)
	}
}

// same tells whether two entries are one endpoint. RemoveEndpoints identifies an
// endpoint by its id and its preservation of the client's IP, so the two
// together are its identity here.
func (e Endpoint) same(o Endpoint) bool {
	return e.ID == o.ID && e.PreserveClientIP == o.PreserveClientIP
}

// preservesByDefault: "The default value is true for Application Load Balancer
// endpoints"; for instances it is always on.
func preservesByDefault(id string) bool {
	parts := loadBalancer.FindStringSubmatch(id)
	return parts != nil && parts[2] == "app" || instance.MatchString(id)
}

// resolve looks up the endpoints that a call names. RemoveEndpoints names none:
// "Global Accelerator doesn't need to resolve any endpoints" (API reference).
func (f *Fake) resolve(c call) existing {
	n, ok := c.(naming)
	if !ok {
		return nil
	}
	exists := existing{}
	for _, id := range n.names() {
		exists[id] = elasticIP.MatchString(id) ||
			!f.isGone(id) && (f.opts.Resolve == nil || f.opts.Resolve(id))
	}
	return exists
}

func (f *Fake) isGone(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gone[id]
}

// MarkGone makes load balancers or instances unresolvable, as if deleted: they
// stay in their groups, and refuse every set they are written in.
func (f *Fake) MarkGone(endpointIDs ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range endpointIDs {
		f.gone[id] = true
	}
}

// MarkBack undoes MarkGone.
func (f *Fake) MarkBack(endpointIDs ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range endpointIDs {
		delete(f.gone, id)
	}
}
