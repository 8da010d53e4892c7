package e2e_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/sitefence/sitefence/internal/contract"
)

// TestInspect: the deployed function answers with the whole of the deployment,
// and with what is broken in its place.
func TestInspect(t *testing.T) {
	s := lease(t)
	got := s.inspection()
	if got.Accelerator.Problem != nil || !got.Accelerator.Enabled || len(got.Accelerator.DNSNames) != 2 || got.Accelerator.Listeners != 1 {
		t.Errorf("accelerator: %+v", got.Accelerator)
	}
	for _, site := range got.Sites {
		c := site.Infinispan
		if site.Standing.InService != 1 || c == nil || c.Problem != nil || !c.Verified || len(c.Sees) != 2 || len(c.Backups) != 1 || len(c.Caches) != 2 {
			t.Errorf("%s: %+v %+v", site.Name, site, c)
		}
	}
	if got.Pause != nil || got.PauseProblem != "" || got.WebhookUser == "" || got.Release == "" {
		t.Errorf("got %+v", got)
	}
	s.must(s.world.StopSite(s.ctx, siteB))
	got = s.inspection()
	if p := got.Sites[1].Infinispan.Problem; p == nil || p.Reason != contract.ReporterUnreachable || got.Sites[0].Infinispan.Problem != nil {
		t.Errorf("site-b is down: %+v", got.Sites)
	}
}

// inspection asks the deployed Inspect function, as a person does.
func (s *scene) inspection() contract.Inspection {
	s.t.Helper()
	in, err := json.Marshal(contract.InspectInput{Version: contract.Version, Deployment: s.d.Name})
	s.must(err)
	return s.inspected(string(in))
}

// inspected is the deployed Inspect function's answer to an input.
func (s *scene) inspected(in string) contract.Inspection {
	s.t.Helper()
	name, _ := s.functionOf(s.d.Name + "-inspect")
	out, err := plain(s.ctx, "lambda", http.MethodPost, "/2015-03-31/functions/"+name+"/invocations", in)
	s.must(err)
	var got contract.Inspection
	s.must(json.Unmarshal(out, &got))
	if got.Deployment != s.d.Name {
		s.t.Fatalf("no inspection: %.500s", out)
	}
	return got
}

// inspectSteps adds a case for each of the Inspect function's permissions: its
// want shows as a problem in its place.
func inspectSteps(all map[string]step) {
	look := step{prepare: behindBalancers, run: inspect}
	again := look
	again.provoke = rotateAtSite
	all["inspect ReadSecret secretsmanager:GetSecretValue"] = again
	for _, key := range []string{
		"ReadListeners globalaccelerator:ListListeners", "ReadEndpointGroups globalaccelerator:ListEndpointGroups",
		"ReadLoadBalancerTags elasticloadbalancing:DescribeTags", "ReadStatus globalaccelerator:DescribeAccelerator",
		"ReadTargets elasticloadbalancing:DescribeTargetGroups", "ReadTargets elasticloadbalancing:DescribeTargetHealth",
		"ReadPause ssm:GetParameter", "ReadRules events:DescribeRule", "SeeWhatRuns states:ListExecutions",
	} {
		all["inspect "+key] = look
	}
}

// inspect is every problem of an inspection, "" for none.
func inspect(s *scene, _ string, _ permission) string {
	got := s.inspection()
	var text []string
	note := func(p *contract.Problem) {
		if p != nil {
			text = append(text, p.Type+" "+string(p.Reason)+": "+p.Text)
		}
	}
	note(got.Accelerator.Problem)
	note(got.RunningProblem)
	for _, rule := range got.Rules {
		note(rule.Problem)
	}
	for _, site := range got.Sites {
		note(site.TargetsProblem)
		note(site.Infinispan.Problem)
	}
	if got.PauseProblem != "" {
		text = append(text, string(contract.AccessDenied)+": "+got.PauseProblem)
	}
	return strings.Join(text, "\n")
}

// behindBalancers puts a target group behind each site's load balancer, once.
func behindBalancers(s *scene, _ permission) {
	s.layoutBoth()
	s.must(s.world.HealLink(s.ctx))
	client := elb.NewFromConfig(deployed.AWS)
	for site, balancer := range s.d.Balancers {
		group, err := client.CreateTargetGroup(s.ctx, &elb.CreateTargetGroupInput{Name: aws.String(s.d.Name + "-" + site),
			Protocol: elbtypes.ProtocolEnumTcp, Port: aws.Int32(443), TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String("vpc-1")})
		if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "DuplicateTargetGroupName" {
			return
		}
		s.must(err)
		_, err = client.CreateListener(s.ctx, &elb.CreateListenerInput{LoadBalancerArn: &balancer, Protocol: elbtypes.ProtocolEnumTcp, Port: aws.Int32(443),
			DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: group.TargetGroups[0].TargetGroupArn}}})
		s.must(err)
	}
}
