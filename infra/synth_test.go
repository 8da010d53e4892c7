package infra_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	infra "github.com/sitefence/sitefence/infra"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// binaries holds a stand-in for each function's binary.
var binaries string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sitefence-infra-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	binaries = filepath.Join(dir, "functions")
	for _, name := range []string{"ingest", "checkhealth", "updateaccelerator", "takeoffline", "inspect", "resync"} {
		folder := filepath.Join(binaries, name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if err := os.WriteFile(filepath.Join(folder, "bootstrap"), []byte("the binary of "+name), 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	defer closeCDK()
	return m.Run()
}

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

// resource is one resource of a template.
type resource struct {
	Type           string
	Properties     map[string]any
	Metadata       map[string]any
	DeletionPolicy string
	UpdateReplace  string `json:"UpdateReplacePolicy"`
}

// synthesis is a synthesized stack.
type synthesis struct {
	Resources map[string]resource
	Outputs   map[string]struct{ Value any }
	JSON      []byte // indented, keys sorted
	Written   int    // bytes of the template as it is deployed
	Warnings  []string
	Wildcards map[string]map[string]string // role → Sid → why it has a wildcard
	assets    map[string]string            // the files among the assets, by key
	paths     map[string]string            // logical id → path in the construct tree
}

var (
	mu     sync.Mutex
	cached = map[string]*synthesis{}
)

// synth synthesizes a configuration, once for all tests: a run of the CDK takes
// seconds.
func synth(t *testing.T, name string, c func() config.Config) *synthesis {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if s, ok := cached[name]; ok {
		return s
	}
	staging, out := t.TempDir(), t.TempDir()
	app := awscdk.NewApp(&awscdk.AppProps{
		AnalyticsReporting: jsii.Bool(false),
		Outdir:             jsii.String(out),
		Context:            &map[string]any{"aws:cdk:enable-path-metadata": true},
	})
	stack, err := infra.NewStack(app, "sitefence", infra.StackProps{
		Config: c(), Assets: infra.Assets{Binaries: binaries, Staging: staging},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &synthesis{paths: map[string]string{}, assets: map[string]string{}}
	if s.JSON, err = json.MarshalIndent(assertions.Template_FromStack(stack, nil).ToJSON(), "", "  "); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(s.JSON, s); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(out, "sitefence.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	s.Written = len(written)
	s.readAssets(t, out)
	for id, r := range s.Resources {
		path, _ := r.Metadata["aws:cdk:path"].(string)
		s.paths[id] = strings.TrimSuffix(strings.TrimPrefix(path, "sitefence/"), "/Resource")
	}
	s.readMetadata(t, filepath.Join(out, "sitefence.metadata.json"))
	cached[name] = s
	return s
}

// readAssets keeps the machines' definitions: out is gone when its test ends.
func (s *synthesis) readAssets(t *testing.T, out string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "asset.*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s.assets[strings.TrimPrefix(filepath.Base(file), "asset.")] = string(text)
	}
}

// definition is the text of a state machine of the template.
func (s *synthesis) definition(t *testing.T, properties map[string]any) string {
	t.Helper()
	location, _ := properties["DefinitionS3Location"].(map[string]any)
	key, _ := location["Key"].(string)
	text, ok := s.assets[key]
	if !ok {
		t.Fatalf("no asset %q for a definition", key)
	}
	return text
}

// readMetadata reads what the constructs say about themselves beside the template.
func (s *synthesis) readMetadata(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]struct {
		Type string
		Data any
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	s.Wildcards = map[string]map[string]string{}
	for path, entries := range all {
		for _, e := range entries {
			switch e.Type {
			case "aws:cdk:warning":
				s.Warnings = append(s.Warnings, fmt.Sprint(e.Data))
			case "sitefence:wildcard":
				role := strings.TrimPrefix(path, "/sitefence/")
				if s.Wildcards[role] == nil {
					s.Wildcards[role] = map[string]string{}
				}
				sid, reason, _ := strings.Cut(fmt.Sprint(e.Data), ": ")
				s.Wildcards[role][sid] = reason
			}
		}
	}
	slices.Sort(s.Warnings)
}

// of returns the resources of a type by their path in the construct tree.
func (s *synthesis) of(kind string) map[string]resource {
	all := map[string]resource{}
	for id, r := range s.Resources {
		if r.Type == kind {
			all[s.paths[id]] = r
		}
	}
	return all
}

// one returns the resource of a type at a path.
func (s *synthesis) one(t *testing.T, kind, path string) resource {
	t.Helper()
	r, ok := s.of(kind)[path]
	if !ok {
		t.Fatalf("no %s at %s", kind, path)
	}
	return r
}

// text writes a value of the template as one string: intrinsic functions become
// ${path}, ${path.Attribute} and ${AWS::…}; the first eight digits of the stack's
// id become ${suffix}.
func (s *synthesis) text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, s.text(item))
		}
		return strings.Join(parts, " ")
	case map[string]any:
		return s.intrinsic(v)
	}
	return fmt.Sprint(value)
}

const suffixJSON = `{"Fn::Select":[0,{"Fn::Split":["-",{"Fn::Select":[2,{"Fn::Split":["/",{"Ref":"AWS::StackId"}]}]}]}]}`

func (s *synthesis) intrinsic(v map[string]any) string {
	if ref, ok := v["Ref"].(string); ok {
		return "${" + s.name(ref) + "}"
	}
	if at, ok := v["Fn::GetAtt"].([]any); ok {
		return "${" + s.name(at[0].(string)) + "." + at[1].(string) + "}"
	}
	if join, ok := v["Fn::Join"].([]any); ok {
		var parts []string
		for _, item := range join[1].([]any) {
			parts = append(parts, s.text(item))
		}
		return strings.Join(parts, join[0].(string))
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(strings.TrimSpace(b.String()), suffixJSON, "${suffix}")
}

func (s *synthesis) name(id string) string {
	if path, ok := s.paths[id]; ok {
		return path
	}
	return id
}
