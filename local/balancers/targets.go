package balancers

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// SetTargets gives a load balancer one target group whose targets have these
// states: healthy, unhealthy, initial, …. Without a call it has no group.
func (f *Fake) SetTargets(arn string, states ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.groups[arn] = append([]string{}, states...)
}

type groupsAnswer struct {
	XMLName xml.Name      `xml:"DescribeTargetGroupsResponse"`
	Groups  []targetGroup `xml:"DescribeTargetGroupsResult>TargetGroups>member"`
}

type targetGroup struct {
	ARN string `xml:"TargetGroupArn"`
}

type healthAnswer struct {
	XMLName xml.Name `xml:"DescribeTargetHealthResponse"`
	Targets []target `xml:"DescribeTargetHealthResult>TargetHealthDescriptions>member"`
}

type target struct {
	ID    string `xml:"Target>Id"`
	State string `xml:"TargetHealth>State"`
}

// groupARN is the ARN of the one target group of a load balancer.
func groupARN(balancer string) string {
	return strings.Replace(balancer, ":loadbalancer/net/", ":targetgroup/", 1)
}

// answerTargets serves what concerns targets; false is another action.
func (f *Fake) answerTargets(w http.ResponseWriter, region string, form url.Values) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out any
	switch form.Get("Action") {
	case "DescribeTargetGroups":
		arn := form.Get("LoadBalancerArn")
		if _, ok := f.tags[arn]; !ok || !strings.Contains(arn, ":"+region+":") {
			fail(w, http.StatusBadRequest, "LoadBalancerNotFound", "Load balancers '["+arn+"]' not found")
			return true
		}
		answer := groupsAnswer{}
		if _, ok := f.groups[arn]; ok {
			answer.Groups = []targetGroup{{groupARN(arn)}}
		}
		out = answer
	case "DescribeTargetHealth":
		answer := healthAnswer{}
		for arn, states := range f.groups {
			if groupARN(arn) != form.Get("TargetGroupArn") {
				continue
			}
			for i, state := range states {
				answer.Targets = append(answer.Targets, target{"10.0.0." + strconv.Itoa(i+1), state})
			}
		}
		out = answer
	default:
		return false
	}
	if code := f.refuse[region]; code != "" {
		fail(w, http.StatusBadRequest, code, "refused by the test")
		return true
	}
	w.Header().Set("Content-Type", "text/xml")
	_ = xml.NewEncoder(w).Encode(out)
	return true
}
