package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"sigs.k8s.io/yaml"

	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
)

// build makes what exists before Sitefence does: one tagged load balancer per
// site, an accelerator over them, and the secrets.
func (s *Stack) build(ctx context.Context, spec Spec) error {
	d := &Deployment{Name: spec.Name, World: spec.World, Sites: spec.Stateless, Balancers: map[string]string{}, stack: s, preferred: spec.Preferred}
	if spec.World != nil {
		for _, site := range spec.World.Sites() {
			d.Sites = append(d.Sites, site.Name)
			if err := s.createSecret(ctx, d.secret(site.Name), site.Password); err != nil {
				return err
			}
		}
	}
	var endpoints []ga.Endpoint
	for _, site := range d.Sites {
		arn, err := s.NewBalancer(ctx, Region, spec.Name+"-"+site, map[string]string{"site": site})
		if err != nil {
			return err
		}
		if err := s.newTarget(ctx, spec.Name+"-"+site, arn); err != nil {
			return err
		}
		d.Balancers[site] = arn
		endpoints = append(endpoints, ga.NewEndpoint(arn))
	}
	var err error
	d.Accelerator, err = s.Accelerator.Build(spec.Name, ga.NewListener(443, ga.NewGroup(Region, endpoints...)))
	s.deployments[spec.Name] = d
	return err
}

func (d *Deployment) secret(site string) string { return "sitefence-local/" + d.Name + "/" + site }

// NewBalancer creates a Network Load Balancer with the tags and returns its ARN.
func (s *Stack) NewBalancer(ctx context.Context, region, name string, tags map[string]string) (string, error) {
	in := &elb.CreateLoadBalancerInput{Name: &name, Type: elbtypes.LoadBalancerTypeEnumNetwork, Subnets: []string{"subnet-1"}}
	for k, v := range tags {
		in.Tags = append(in.Tags, elbtypes.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	out, err := s.balancers(region).CreateLoadBalancer(ctx, in)
	if sentTwice(err, "DuplicateLoadBalancerName") {
		found, err := s.balancers(region).DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{name}})
		if err != nil || len(found.LoadBalancers) != 1 {
			return "", fmt.Errorf("finding load balancer %s: %w", name, err)
		}
		return aws.ToString(found.LoadBalancers[0].LoadBalancerArn), nil
	}
	if err != nil {
		return "", fmt.Errorf("creating load balancer %s: %w", name, err)
	}
	return aws.ToString(out.LoadBalancers[0].LoadBalancerArn), nil
}

// sentTwice reports whether something is there already. The names are ours, so
// it was made by this very call, which the SDK sent again after its answer was lost.
func sentTwice(err error, code string) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorCode() == code
}

// newTarget puts one target behind a load balancer; the emulator calls every
// target healthy.
func (s *Stack) newTarget(ctx context.Context, name, balancer string) error {
	api := s.balancers(Region)
	made, err := api.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &name, Protocol: elbtypes.ProtocolEnumTcp,
		Port: aws.Int32(443), TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String("vpc-1")})
	var group *string
	switch {
	case sentTwice(err, "DuplicateTargetGroupName"):
		found, err := api.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{name}})
		if err != nil || len(found.TargetGroups) != 1 {
			return fmt.Errorf("finding target group %s: %w", name, err)
		}
		group = found.TargetGroups[0].TargetGroupArn
	case err != nil:
		return fmt.Errorf("creating target group %s: %w", name, err)
	default:
		group = made.TargetGroups[0].TargetGroupArn
	}
	if _, err := api.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: &balancer, Protocol: elbtypes.ProtocolEnumTcp, Port: aws.Int32(443),
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: group}}}); err != nil && !sentTwice(err, "DuplicateListener") {
		return fmt.Errorf("creating a listener of %s: %w", name, err)
	}
	if _, err := api.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: group, Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.0.1")}}}); err != nil {
		return fmt.Errorf("registering the target of %s: %w", name, err)
	}
	return nil
}

// DeleteBalancer deletes a load balancer behind the accelerator's back.
func (s *Stack) DeleteBalancer(ctx context.Context, arn string) error {
	_, err := s.balancers(strings.Split(arn, ":")[3]).DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &arn})
	if err != nil {
		return fmt.Errorf("deleting %s: %w", arn, err)
	}
	return nil
}

func (s *Stack) balancers(region string) *elb.Client {
	return elb.NewFromConfig(s.AWS, func(o *elb.Options) { o.Region = region })
}

// resolve is what the fake accelerator asks: does the load balancer exist?
func (s *Stack) resolve(endpoint string) bool {
	part := strings.Split(endpoint, ":")
	if len(part) < 6 {
		return true
	}
	out, err := s.balancers(part[3]).DescribeLoadBalancers(context.Background(),
		&elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{endpoint}})
	return err == nil && len(out.LoadBalancers) == 1
}

// authorize is what the fake accelerator asks: may the caller do this? The
// emulator has no Global Accelerator, but it knows whose key it is and evaluates
// the policy of the role as deployed.
func (s *Stack) authorize(accessKey string, op ga.Operation, resource string) string {
	refusal, err := s.Emulator.Authorize(context.Background(), accessKey, "globalaccelerator:"+string(op), resource)
	if err != nil {
		return err.Error()
	}
	return refusal
}

func (s *Stack) createSecret(ctx context.Context, name, value string) error {
	_, err := secretsmanager.NewFromConfig(s.AWS).CreateSecret(ctx,
		&secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
	if sentTwice(err, "ResourceExistsException") {
		return s.putSecret(ctx, name, value)
	}
	if err != nil {
		return fmt.Errorf("creating secret %s: %w", name, err)
	}
	return nil
}

// RotateWebhookPassword gives the webhook's secret another value.
func (s *Stack) RotateWebhookPassword(ctx context.Context, value string) error {
	return s.putSecret(ctx, webhookSecret, value)
}

// RotateSitePassword gives the secret of a site's Infinispan another value; the
// server itself is the caller's to change.
func (d *Deployment) RotateSitePassword(ctx context.Context, site, value string) error {
	return d.stack.putSecret(ctx, d.secret(site), value)
}

func (s *Stack) putSecret(ctx context.Context, name, value string) error {
	_, err := secretsmanager.NewFromConfig(s.AWS).PutSecretValue(ctx,
		&secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &value})
	if err != nil {
		return fmt.Errorf("writing secret %s: %w", name, err)
	}
	return nil
}

// writeConfig writes the sitefence.yaml of this stack, as an operator would.
func (s *Stack) writeConfig(path string) error {
	var deployments []map[string]any
	for _, d := range s.deployments {
		var sites []map[string]any
		for _, name := range d.Sites {
			site := map[string]any{"name": name, "infinispan": "none"}
			if d.World != nil {
				w := d.World.Site(name)
				ca := fmt.Sprintf("ca-%s-%s.pem", d.Name, name)
				if err := os.WriteFile(filepath.Join(filepath.Dir(path), ca), w.CA, 0o600); err != nil {
					return fmt.Errorf("writing the CA of %s: %w", name, err)
				}
				site["infinispan"] = map[string]any{"url": w.URL, "user": w.User, "passwordSecret": d.secret(name), "caFile": ca}
			}
			sites = append(sites, site)
		}
		entry := map[string]any{
			"name": d.Name, "sites": sites,
			"accelerator": map[string]any{"arn": d.Accelerator.ARN, "dnsNames": []string{d.Accelerator.DNSName, d.Accelerator.DualStackDNSName}},
		}
		if d.preferred != "" {
			// The most there is: longer than two posts at one moment lie apart, also where
			// waits are scaled and the machine is busy.
			entry["preferred"], entry["preferenceDelay"] = d.preferred, "300s"
		}
		deployments = append(deployments, entry)
	}
	data, err := yaml.Marshal(map[string]any{
		"webhook":     map[string]any{"user": WebhookUser, "passwordSecret": webhookSecret},
		"deployments": deployments,
		"tuning":      map[string]any{"architecture": architecture()},
	})
	if err != nil {
		return fmt.Errorf("encoding the configuration: %w", err)
	}
	return os.WriteFile(path, data, 0o600)
}

// Event is the guard's input for this deployment, as ingest would make it.
func (d *Deployment) Event(reporter, site string) contract.Event {
	return contract.Event{
		Version: contract.Version, Deployment: d.Name, Accelerator: d.Accelerator.DNSName,
		Reporter: contract.Site(reporter), Site: contract.Site(site),
	}
}
