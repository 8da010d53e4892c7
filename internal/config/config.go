// Package config is the one configuration file of Sitefence: its shape, its
// validation (every problem at once, each with its field's path), and the part
// of it that each function gets as a JSON file beside its binary.
//
// It holds names of secrets, never a secret.
package config

import (
	"time"

	"github.com/sitefence/sitefence/internal/contract"
)

// Config is a validated sitefence.yaml.
type Config struct {
	Webhook       Webhook           `json:"webhook"`
	Deployments   []Deployment      `json:"deployments"`
	Notifications Notifications     `json:"notifications"`
	Drift         Drift             `json:"drift"`
	Tuning        Tuning            `json:"tuning"`
	Tags          map[string]string `json:"tags,omitempty"`
}

// Webhook is who may post alerts.
type Webhook struct {
	User string `json:"user"`
	// PasswordSecret is the name or ARN of a Secrets Manager secret whose whole
	// string is the password. Empty: the stack makes one with a random password.
	PasswordSecret string `json:"passwordSecret,omitempty"`
}

// Deployment is one accelerator with its sites.
type Deployment struct {
	Name        string      `json:"name"`
	Accelerator Accelerator `json:"accelerator"`
	Sites       []Site      `json:"sites"`
	// Preferred is the site that goes on when both could; "" for none.
	Preferred contract.Site `json:"preferred,omitempty"`
	// PreferenceDelay is how long a report against the preferred site waits for
	// its own: default DefaultPreferenceDelay, 1 s to 5 minutes; 0 without Preferred.
	PreferenceDelay time.Duration `json:"preferenceDelay,omitempty"`
	// Network is the VPC that the functions stand in; nil for none.
	Network *Network `json:"network,omitempty"`
	// HeartbeatSilence is how long a site's Watchdog alert may stay away before
	// an alarm rings, in whole minutes; 0: there is no heartbeat.
	HeartbeatSilence time.Duration `json:"heartbeatSilence,omitempty"`
}

// Network is where a deployment's functions stand, for sites whose Infinispan is
// private. Its subnets say which VPC: VPCID is where a security group is made when
// none is named.
type Network struct {
	VPCID            string   `json:"vpcId,omitempty"`
	SubnetIDs        []string `json:"subnetIds"`
	SecurityGroupIDs []string `json:"securityGroupIds,omitempty"`
}

// DefaultPreferenceDelay outlasts what lies between two reports of one split:
// the sites' Prometheus ask in turn, each every few seconds.
const DefaultPreferenceDelay = 10 * time.Second

// Accelerator names a Global Accelerator. DNSNames are the values that the
// alert's `accelerator` label may have: its DNS name and dual-stack DNS name.
type Accelerator struct {
	ARN      string   `json:"arn"`
	DNSNames []string `json:"dnsNames"`
}

// Site is one site of a deployment.
type Site struct {
	Name contract.Site `json:"name"`
	// Infinispan is nil when the file says `infinispan: none`.
	Infinispan *Infinispan `json:"infinispan,omitempty"`
	// LoadBalancerARNs, when given, are this site's load balancers; no tag is
	// read for them, so that a dead Region cannot block its own fencing.
	LoadBalancerARNs []string `json:"loadBalancerArns,omitempty"`
	// HealthURL answers 200 to a GET while Keycloak at this site is well; a
	// restore waits for it. Empty: the load balancers' targets are looked at.
	HealthURL string `json:"healthUrl,omitempty"`
}

// Infinispan is the REST endpoint of a site's Infinispan cluster.
type Infinispan struct {
	URL            string `json:"url"` // https://host[:port], nothing behind it
	User           string `json:"user"`
	PasswordSecret string `json:"passwordSecret"` // name or ARN, as Webhook.PasswordSecret
	// CA is the PEM bundle that signs the endpoint's certificate, read from
	// caFile (relative to the configuration file). Empty: the system's roots.
	CA string `json:"ca,omitempty"`
	// CASecret is the name or ARN of a secret that holds that bundle, read when it
	// is needed. It excludes CA.
	CASecret string `json:"caSecret,omitempty"`
	// InsecureSkipVerify turns certificate verification off; synth warns.
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// Architecture is a Lambda instruction set.
type Architecture string

// The architectures that Go's runtime on Lambda has.
const (
	ARM64 Architecture = "arm64"
	AMD64 Architecture = "amd64"
)

// Tuning holds what has a good default.
type Tuning struct {
	Architecture Architecture `json:"architecture"` // default arm64
	// ReservedConcurrency false gives up a line of defence (two writers of one
	// accelerator may interleave) for accounts whose quota is too small; synth warns.
	ReservedConcurrency bool `json:"reservedConcurrency"` // default true
	LogRetentionDays    int  `json:"logRetentionDays"`    // default 90; a value CloudWatch Logs knows
	Tracing             bool `json:"tracing"`             // X-Ray, default true
	Dashboards          bool `json:"dashboards"`          // one for each deployment, default true
	// ConfirmAfter is how long a site must be out of sight before its alert
	// fires: the `for` of the rules that `sitefence manifests` makes. Nothing
	// deployed reads it.
	ConfirmAfter time.Duration `json:"confirmAfter"` // default DefaultConfirmAfter, 0 to 5 minutes
	// IngestConcurrency is what is reserved for the webhook.
	IngestConcurrency int `json:"ingestConcurrency"` // default DefaultIngestConcurrency
	// PermissionsBoundary is the ARN of a policy that bounds every role; "" for none.
	PermissionsBoundary string `json:"permissionsBoundary,omitempty"`
	// SecretKeyARNs are the customer managed keys of existing secrets.
	SecretKeyARNs []string `json:"secretKeyArns,omitempty"`
	// LogKeyARN is a customer managed key for the log groups; "" for CloudWatch's own.
	LogKeyARN string `json:"logKeyArn,omitempty"`
	// Functions changes single functions, by the name of their package.
	Functions map[string]Function `json:"functions,omitempty"`
	// Guard and Fence are the machines' limits.
	Guard GuardLimits `json:"guard"`
	Fence FenceLimits `json:"fence"`
}

// DefaultConfirmAfter rides out a short loss of sight, as when a site restarts.
const DefaultConfirmAfter = 10 * time.Second

// Find returns the site of that name.
func (d Deployment) Find(name contract.Site) (Site, bool) {
	for _, s := range d.Sites {
		if s.Name == name {
			return s, true
		}
	}
	return Site{}, false
}
