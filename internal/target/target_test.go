package target_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/target"
	"github.com/sitefence/sitefence/local/balancers"
)

const (
	region = "eu-west-1"
	lb     = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/lb-b/0123456789abcdef"
)

func client(url string) *elb.Client {
	return elb.New(elb.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), Retryer: aws.NopRetryer{}})
}

// TestBehind: nobody there, and nobody told, are two things.
func TestBehind(t *testing.T) {
	for name, tc := range map[string]struct {
		arn     string
		prepare func(f *balancers.Fake)
		want    target.Count
		reason  contract.Reason
	}{
		"no group":     {lb, func(*balancers.Fake) {}, target.Count{}, ""},
		"empty group":  {lb, func(f *balancers.Fake) { f.SetTargets(lb) }, target.Count{Groups: 1}, ""},
		"some healthy": {lb, func(f *balancers.Fake) { f.SetTargets(lb, "initial", "healthy", "unhealthy") }, target.Count{Groups: 1, Healthy: 1, Total: 3}, ""},
		"gone":         {lb, func(f *balancers.Fake) { f.Delete(lb) }, target.Count{}, contract.NotFound},
		"throttled":    {lb, func(f *balancers.Fake) { f.Refuse(region, "Throttling") }, target.Count{}, contract.Unavailable},
		"forbidden":    {lb, func(f *balancers.Fake) { f.Refuse(region, "AccessDenied") }, target.Count{}, contract.AccessDenied},
		"no balancer":  {"arn:aws:ec2:eu-west-1:123456789012:instance/i-1", func(*balancers.Fake) {}, target.Count{}, contract.BadInput},
		"Region is a host": {"arn:aws:elasticloadbalancing:x.example/:123456789012:loadbalancer/net/lb-b/0123456789abcdef",
			func(*balancers.Fake) {}, target.Count{}, contract.BadInput},
	} {
		t.Run(name, func(t *testing.T) {
			fake := balancers.New()
			defer fake.Close()
			fake.Put(lb, map[string]string{"site": "site-b"})
			tc.prepare(fake)
			got, err := target.Behind(t.Context(), client(fake.URL), tc.arn)
			if got != tc.want || err == nil && tc.reason != "" || err != nil && contract.ReasonOf(err) != tc.reason {
				t.Errorf("got %+v, %v; want %+v, %q", got, err, tc.want, tc.reason)
			}
		})
	}
}

// TestNoList: an answer of 200 without the list may be anything.
func TestNoList(t *testing.T) {
	const groups = `<DescribeTargetGroupsResponse><DescribeTargetGroupsResult><TargetGroups><member><TargetGroupArn>g</TargetGroupArn></member></TargetGroups></DescribeTargetGroupsResult></DescribeTargetGroupsResponse>`
	for name, answers := range map[string][]string{
		"groups": {`<DescribeTargetGroupsResponse><DescribeTargetGroupsResult/></DescribeTargetGroupsResponse>`},
		"health": {groups, `<DescribeTargetHealthResponse><DescribeTargetHealthResult/></DescribeTargetHealthResponse>`},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(answers[0]))
				answers = answers[1:]
			}))
			defer server.Close()
			got, err := target.Behind(context.WithoutCancel(t.Context()), client(server.URL), lb)
			if (got != target.Count{}) || err == nil || contract.ReasonOf(err) != contract.Unavailable {
				t.Errorf("got %+v, %v; want unavailable", got, err)
			}
		})
	}
}
