package config

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// schemaFile is what editors read. Whoever adds a field to the loader adds it
// there too, with a description, and to everything below.
const schemaFile = "../../sitefence.schema.json"

// everything has every field of the configuration.
const everything = `
webhook: {user: alertmanager, passwordSecret: keycloak/webhook}
deployments:
  - name: keycloak
    accelerator:
      arn: arn:aws:globalaccelerator::123456789012:accelerator/1234abcd
      dnsNames: [a1.awsglobalaccelerator.com]
    sites:
      - name: site-a
        infinispan: {url: "https://a.example.com:11222", user: u, passwordSecret: s/a, caFile: ca.pem, insecureSkipVerify: false}
        loadBalancerArns: ["arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/a/0123456789abcdef"]
        healthUrl: https://a.example.com/health/ready
      - name: site-b
        infinispan: {url: "https://b.example.com", user: u, passwordSecret: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:b-AbCdEf", caSecret: s/ca}
    preferred: site-a
    preferenceDelay: 20s
    network: {vpcId: vpc-0123456789abcdef0, subnetIds: [subnet-0123456789abcdef0], securityGroupIds: [sg-0123456789abcdef0]}
    heartbeat: {silence: 15m}
  - name: shop
    accelerator: {arn: "arn:aws:globalaccelerator::123456789012:accelerator/5678efab", dnsNames: [a2.awsglobalaccelerator.com]}
    sites: [{name: east, infinispan: none}, {name: west, infinispan: none}]
notifications:
  emails: [a@example.com]
  kmsKeyArn: arn:aws:kms:eu-west-1:123456789012:key/1234
  encrypted: false
  chatTopic: true
  runbooks: https://wiki.example.com/runbooks
drift: {enabled: true, oneSiteLeftAfter: 12h}
tuning:
  architecture: amd64
  reservedConcurrency: true
  ingestConcurrency: 20
  logRetentionDays: 30
  logKeyArn: arn:aws:kms:eu-west-1:123456789012:key/5678
  tracing: false
  dashboards: false
  confirmAfter: 5s
  permissionsBoundary: arn:aws:iam::123456789012:policy/a/boundary
  secretKeyArns: ["arn:aws:kms:eu-west-1:123456789012:key/1234"]
  functions:
    ingest: {memory: 256, timeout: 13s}
    checkhealth: {memory: 1024, timeout: 17s}
    updateaccelerator: {memory: 1024, timeout: 50s}
    takeoffline: {memory: 1024, timeout: 25s}
    resync: {memory: 1024, timeout: 50s}
    inspect: {memory: 1024, timeout: 21s}
  guard: {rechecks: 8, recheckWait: 15s, alertAge: 10m, giveUpAfter: 1h}
  fence: {rechecks: 3, recheckWait: 5s, halfwayRechecks: 8, updateTries: 12, deployWait: 10m}
tags: {team: identity}
`

var schema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile(schemaFile)
})

// inSchema says whether the schema accepts a file, as an editor reads it.
func inSchema(t *testing.T, text []byte) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return validate(t, v)
}

func validate(t *testing.T, v any) error {
	t.Helper()
	s, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// node is what the tests read of the schema's text.
type node struct {
	Description          string
	Type                 any
	Pattern              string
	Properties           map[string]*node
	Required             []string
	Items                *node
	AnyOf                []*node
	Enum                 []any
	Default              any
	Examples             []any
	Minimum, Maximum     *int
	AdditionalProperties any

	order []string // of the properties
}

func (n *node) UnmarshalJSON(data []byte) error {
	type plain node
	if err := json.Unmarshal(data, (*plain)(n)); err != nil {
		return err
	}
	var raw struct{ Properties json.RawMessage }
	if err := json.Unmarshal(data, &raw); err != nil || raw.Properties == nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(raw.Properties)))
	_, _ = d.Token()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		n.order = append(n.order, key.(string))
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return err
		}
	}
	return nil
}

// inner is the schema of a value that is a mapping in one of its forms, or of a
// list's items.
func (n *node) inner() *node {
	for _, form := range n.AnyOf {
		if form.Properties != nil && n.Properties == nil {
			return form
		}
	}
	return n
}

func (n *node) allows(kind string) bool {
	types, ok := n.Type.([]any)
	if !ok {
		return n.Type == kind
	}
	return slices.Contains(types, any(kind))
}

func readSchema(t *testing.T) *node {
	t.Helper()
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	root := &node{}
	if err := json.Unmarshal(data, root); err != nil {
		t.Fatal(err)
	}
	return root
}

// walk calls f for every field of the schema, the outer before the inner ones.
// Lists are [] in the path, so that all of their items are one.
func (n *node) walk(path string, f func(path string, parent, field *node)) {
	parent := n.inner()
	for _, name := range parent.order {
		field := parent.Properties[name]
		at := strings.TrimPrefix(path+"."+name, ".")
		f(at, parent, field)
		inner := field.inner()
		for inner.Items != nil {
			at += "[]"
			inner = inner.Items.inner()
		}
		inner.walk(at, f)
	}
}

func pemFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte(authority), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

var index = regexp.MustCompile(`\[\d+\]`)

// TestSchemaKnowsEveryField: and the loader every field of the schema.
func TestSchemaKnowsEveryField(t *testing.T) {
	root, err := parse([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	l := &loader{dir: pemFolder(t), visit: func(path string, known []string) {
		for _, name := range known {
			read[strings.TrimPrefix(index.ReplaceAllString(path, "[]")+"."+name, ".")] = true
		}
	}}
	l.config(field{l, "", root})
	if err := errors.Join(l.problems...); err != nil {
		t.Fatalf("everything is refused: %v", err)
	}
	written := map[string]bool{}
	readSchema(t).walk("", func(path string, parent, f *node) {
		written[path] = true
		name := path[strings.LastIndex(path, ".")+1:]
		if f.Description == "" {
			t.Errorf("%s: %s has no description: it is what an editor shows", schemaFile, path)
		}
		if required := slices.Contains(parent.Required, name); f.AnyOf == nil && required == f.allows("null") {
			t.Errorf(`%s: %s: the type must hold "null" if, and only if, the field may be left out (required: %t)`, schemaFile, path, required)
		}
		if !read[path] && path != "tags" {
			t.Errorf("%s: %s: the loader does not read it (or everything, above, has no list or mapping around it)", schemaFile, path)
		}
	})
	for path := range read {
		if !written[path] {
			t.Errorf("%s lacks the field %s, which the loader reads: add it there, with a description", schemaFile, path)
		}
	}
}
