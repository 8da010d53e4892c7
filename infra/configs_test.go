package infra_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// caMarker is in a CA of the full configuration: it belongs into an asset only.
const caMarker = "THE-CA-OF-SITE-A"

// full has one of everything; its two deployments differ in what they have.
func full() config.Config {
	return config.Config{
		Webhook: config.Webhook{User: "alertmanager"},
		Deployments: []config.Deployment{
			{
				Name: "eu-prod",
				Accelerator: config.Accelerator{
					ARN:      "arn:aws:globalaccelerator::111122223333:accelerator/1234-abcd",
					DNSNames: []string{"a1.awsglobalaccelerator.com"},
				},
				Sites: []config.Site{
					{Name: "site-a", Infinispan: &config.Infinispan{
						URL: "https://a.example.com", User: "sitefence", PasswordSecret: "site-a/infinispan", CA: caMarker,
					}},
					{Name: "site-b", Infinispan: &config.Infinispan{
						URL: "https://b.example.com", User: "sitefence",
						PasswordSecret: "arn:aws:secretsmanager:eu-west-1:444455556666:secret:site-b-AbCdEf",
					}},
				},
			},
			stateless("shop", "5678-efab"),
		},
		Notifications: config.Notifications{Emails: []string{"oncall@example.com"}},
		Drift:         config.Drift{Enabled: true, OneSiteLeftAfter: 24 * time.Hour},
		Tuning:        config.Tuning{Architecture: config.ARM64, ReservedConcurrency: true, LogRetentionDays: 90, Tracing: true, Dashboards: true},
		Tags:          map[string]string{"team": "identity"},
	}
}

// stateless is a deployment whose sites have no Infinispan.
func stateless(name, accelerator string) config.Deployment {
	return config.Deployment{
		Name: name,
		Accelerator: config.Accelerator{
			ARN:      "arn:aws:globalaccelerator::111122223333:accelerator/" + accelerator,
			DNSNames: []string{accelerator + ".awsglobalaccelerator.com"},
		},
		Sites: []config.Site{{Name: "east"}, {Name: "west"}},
	}
}

// bare gives up what can be given up, and names its own secret and key.
func bare() config.Config {
	c := full()
	c.Webhook.PasswordSecret = "webhook"
	c.Notifications = config.Notifications{KMSKeyARN: "arn:aws:kms:eu-west-1:111122223333:key/1234"}
	c.Drift = config.Drift{}
	c.Tuning = config.Tuning{Architecture: config.AMD64, LogRetentionDays: 30,
		Guard: config.GuardLimits{Rechecks: 10, RecheckWait: 30 * time.Second, AlertAge: time.Hour, GiveUpAfter: 2 * time.Hour},
		Fence: config.FenceLimits{Rechecks: 4, RecheckWait: 10 * time.Second, HalfwayRechecks: 20, UpdateTries: 30, DeployWait: 20 * time.Minute}}
	c.Deployments[0].Sites[0].Infinispan.InsecureSkipVerify = true
	return c
}

// grown has what a stack grows into: a network with a security group and one
// without, a CA in a secret, keys, a boundary, and functions that were tuned.
func grown() config.Config {
	c := full()
	c.Webhook.PasswordSecret = "webhook"
	private := &c.Deployments[0]
	private.Sites[0].Infinispan.CA = ""
	private.Sites[0].Infinispan.CASecret = "site-a/ca"
	private.Network = &config.Network{VPCID: "vpc-0123456789abcdef0", SubnetIDs: []string{"subnet-0123456789abcdefa", "subnet-0123456789abcdefb"}, SecurityGroupIDs: []string{"sg-0123456789abcdef0"}}
	c.Deployments[1].Sites[0].Infinispan = &config.Infinispan{URL: "https://east:11222", User: "u", PasswordSecret: "east"}
	c.Deployments[1].Sites[0].HealthURL = "https://east:8443/health"
	c.Deployments[1].Network = &config.Network{VPCID: "vpc-0123456789abcdef1", SubnetIDs: []string{"subnet-0123456789abcdefc"}}
	c.Tuning.IngestConcurrency = 20
	c.Tuning.PermissionsBoundary = "arn:aws:iam::111122223333:policy/boundary"
	c.Tuning.SecretKeyARNs = []string{"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890aa", "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"}
	c.Tuning.LogKeyARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890bb"
	c.Tuning.Functions = map[string]config.Function{
		"ingest": {MemoryMB: 256}, "checkhealth": {MemoryMB: 1024, TimeoutSeconds: 15}, "resync": {TimeoutSeconds: 45},
	}
	return c
}

// eight is as much as one stack takes: every deployment has four sites with
// long names, secrets and a network of their own.
func eight() config.Config {
	c := full()
	c.Tuning.PermissionsBoundary = "arn:aws:iam::111122223333:policy/boundary"
	c.Tuning.SecretKeyARNs = []string{"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890aa"}
	c.Deployments = nil
	for i := range 8 {
		d := stateless(fmt.Sprintf("%s-%d", strings.Repeat("x", 30), i), fmt.Sprintf("accelerator-%d", i))
		d.Sites = nil
		for j := range 4 {
			name := fmt.Sprintf("%s-%d", strings.Repeat("y", 30), j)
			d.Sites = append(d.Sites, config.Site{Name: contract.Site(name), Infinispan: &config.Infinispan{
				URL: "https://" + name, User: "u", PasswordSecret: secretOf(i, "password", name), CASecret: fmt.Sprintf("deployment-%d/ca", i),
			}})
		}
		d.Network = &config.Network{VPCID: "vpc-0123456789abcdef0", SubnetIDs: []string{"subnet-0123456789abcdefa", "subnet-0123456789abcdefb"}}
		c.Deployments = append(c.Deployments, d)
	}
	return c
}

// longest is a deployment with as many secrets and keys, with as long names, as
// the configuration takes.
func longest() config.Config {
	c := eight()
	c.Deployments = c.Deployments[:1]
	for i := range c.Deployments[0].Sites {
		c.Deployments[0].Sites[i].Infinispan.CASecret = secretOf(0, "ca", string(c.Deployments[0].Sites[i].Name))
	}
	c.Tuning.SecretKeyARNs = nil
	for i := range 16 {
		c.Tuning.SecretKeyARNs = append(c.Tuning.SecretKeyARNs, fmt.Sprintf("arn:aws:kms:eu-west-%d:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890%02d", 1+i, i))
	}
	return c
}

// secretOf is a secret of a deployment of eight, with a name as long as may be.
func secretOf(deployment int, what, site string) string {
	name := fmt.Sprintf("deployment-%d/%s/%s/", deployment, what, site)
	return name + strings.Repeat("z", 512-len(name))
}
