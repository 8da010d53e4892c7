package balancers

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
)

// SetTargets puts one target group behind a load balancer, with a target in each
// of the states (healthy, unhealthy, initial, …). Without it there is none.
func (f *Fake) SetTargets(arn string, states ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.behind[arn] = append([]string{}, states...) // a group also without a target
}

// groupOf is the ARN of the one target group behind a load balancer.
func groupOf(balancer string) string {
	return strings.Replace(balancer, ":loadbalancer/net/", ":targetgroup/", 1)
}

type groupsAnswer struct {
	XMLName xml.Name   `xml:"DescribeTargetGroupsResponse"`
	Groups  groupsList `xml:"DescribeTargetGroupsResult>TargetGroups"` // there also when it is empty, as AWS's is
}

type groupsList struct {
	Members []targetGroup `xml:"member"`
}

type targetGroup struct {
	ARN string `xml:"TargetGroupArn"`
}

type healthAnswer struct {
	XMLName xml.Name   `xml:"DescribeTargetHealthResponse"`
	Targets healthList `xml:"DescribeTargetHealthResult>TargetHealthDescriptions"`
}

type healthList struct {
	Members []target `xml:"member"`
}

type target struct {
	ID    string `xml:"Target>Id"`
	State string `xml:"TargetHealth>State"`
}

func (f *Fake) serveTargets(w http.ResponseWriter, region string, form url.Values) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if code := f.refuse[region]; code != "" {
		fail(w, http.StatusBadRequest, code, "refused by the test")
		return
	}
	var out any
	if form.Get("Action") == "DescribeTargetGroups" {
		balancer := form.Get("LoadBalancerArn")
		if _, ok := f.tags[balancer]; !ok || !strings.Contains(balancer, ":"+region+":") {
			fail(w, http.StatusBadRequest, "LoadBalancerNotFound", "Load balancers '["+balancer+"]' not found")
			return
		}
		var answer groupsAnswer
		if f.behind[balancer] != nil {
			answer.Groups.Members = []targetGroup{{groupOf(balancer)}}
		}
		out = answer
	} else {
		var answer healthAnswer
		found := false
		for balancer, states := range f.behind {
			if groupOf(balancer) != form.Get("TargetGroupArn") {
				continue
			}
			found = true
			for i, state := range states {
				answer.Targets.Members = append(answer.Targets.Members, target{ID: "i-" + string(rune('a'+i)), State: state})
			}
		}
		if !found {
			fail(w, http.StatusBadRequest, "TargetGroupNotFound", "One or more target groups not found")
			return
		}
		out = answer
	}
	w.Header().Set("Content-Type", "text/xml")
	_ = xml.NewEncoder(w).Encode(out)
}
