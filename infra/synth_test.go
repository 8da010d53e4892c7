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

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	infra "github.com/sitefence/sitefence/infra"
	"github.com/sitefence/sitefence/internal/config"
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
