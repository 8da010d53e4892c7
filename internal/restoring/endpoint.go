package restoring

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/sitefence/sitefence/internal/contract"
)

var (
	groupARN    = regexp.MustCompile(`^(arn:aws[a-z-]*:globalaccelerator::[0-9]{12}:accelerator/[0-9A-Za-z-]+/listener/[0-9A-Za-z]+)/endpoint-group/[0-9A-Za-z]+$`)
	balancerARN = regexp.MustCompile(`^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:loadbalancer/[A-Za-z0-9/-]+$`)
)

// ParseEndpoint reads what the operator names when no record does:
// group-arn,balancer-arn,weight,preserve.
func ParseEndpoint(text string) (contract.Endpoint, error) {
	part := strings.Split(text, ",")
	if len(part) != 4 {
		return contract.Endpoint{}, fmt.Errorf("got %d parts, want group-arn,balancer-arn,weight,true|false", len(part))
	}
	group := groupARN.FindStringSubmatch(part[0])
	if group == nil {
		return contract.Endpoint{}, fmt.Errorf("group: got %.120q, want the ARN of an endpoint group", part[0])
	}
	if !balancerARN.MatchString(part[1]) {
		return contract.Endpoint{}, fmt.Errorf("balancer: got %.120q, want the ARN of a load balancer", part[1])
	}
	weight, err := strconv.ParseInt(part[2], 10, 32)
	if err != nil || weight < 0 || weight > 255 {
		return contract.Endpoint{}, fmt.Errorf("weight: got %.60q, want 0 to 255", part[2])
	}
	preserve, err := strconv.ParseBool(part[3])
	if err != nil {
		return contract.Endpoint{}, fmt.Errorf("client IP preservation: got %.60q, want true or false", part[3])
	}
	return contract.Endpoint{Listener: group[1], Group: part[0], Endpoint: part[1], Weight: int32(weight), ClientIPPreservation: preserve}, nil
}
