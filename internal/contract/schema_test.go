package contract_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sitefence/sitefence/internal/contract"
)

// contracts are the Go types of each schema. A golden file belongs to the
// schema whose name its own begins with.
var contracts = map[string]func() any{
	"event":                    func() any { return &contract.Event{} },
	"checkhealth.input":        func() any { return &contract.CheckInput{} },
	"checkhealth.output":       func() any { return &contract.Check{} },
	"act.input":                func() any { return &contract.ActInput{} },
	"updateaccelerator.output": func() any { return &contract.Update{} },
	"takeoffline.output":       func() any { return &contract.Offline{} },
	"pause":                    func() any { return &contract.Pause{} },
	"restore.input":            func() any { return &contract.RestoreInput{} },
	"resync.input":             func() any { return &contract.ResyncInput{} },
	"resync.output":            func() any { return &contract.Resync{} },
	"inspect.input":            func() any { return &contract.InspectInput{} },
	"inspect.output":           func() any { return &contract.Inspection{} },
	"news.site-fenced":         func() any { return &contract.SiteFenced{} },
	"news.still-trying":        func() any { return &contract.StillTrying{} },
	"news.site-rejoined":       func() any { return &contract.SiteRejoined{} },
	"news.fence-ignored":       func() any { return &contract.FenceIgnored{} },
	"news.fence-failed":        func() any { return &contract.FenceFailed{} },
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("schema", name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parse(t *testing.T, data []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestGoldens: what every release wrote is still valid, and today's code reads
// and writes it without loss. Files are added, never changed.
func TestGoldens(t *testing.T) {
	files, err := filepath.Glob("testdata/v*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			name := ""
			for kind := range contracts {
				if strings.HasPrefix(filepath.Base(file), kind+".") {
					name = kind
				}
			}
			if name == "" {
				t.Fatal("belongs to no schema")
			}
			seen[name] = true
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden := parse(t, data)
			if err := compile(t, name).Validate(golden); err != nil {
				t.Error(err)
			}
			v := contracts[name]()
			if err := json.Unmarshal(data, v); err != nil {
				t.Fatal(err)
			}
			if valid, ok := v.(interface{ Validate() error }); ok {
				if err := valid.Validate(); err != nil {
					t.Error(err)
				}
			}
			again, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(golden, parse(t, again)); diff != "" {
				t.Errorf("read and written again (-golden +got):\n%s", diff)
			}
		})
	}
	if len(seen) != len(contracts) {
		t.Errorf("goldens for %d of %d schemas", len(seen), len(contracts))
	}
}

// TestInputsMayGrow: an input of a later release is read by this one.
func TestInputsMayGrow(t *testing.T) {
	for _, name := range []string{"event", "checkhealth.input", "act.input", "pause", "restore.input", "resync.input", "inspect.input",
		"news.site-fenced", "news.still-trying", "news.site-rejoined", "news.fence-ignored", "news.fence-failed"} {
		data, err := os.ReadFile(filepath.Join("testdata/v1", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		grown := strings.Replace(string(data), "{", `{"later": {"x": [1]}, `, 1)
		if err := compile(t, name).Validate(parse(t, []byte(grown))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := json.Unmarshal([]byte(grown), contracts[name]()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaAndValidateAgree: what the Go code refuses, the schema refuses.
func TestSchemaAndValidateAgree(t *testing.T) {
	data, err := os.ReadFile("testdata/v1/act.input.json")
	if err != nil {
		t.Fatal(err)
	}
	schema := compile(t, "act.input")
	for field, bad := range map[string]string{
		"version":    "2",
		"deployment": "Key/cloak",
		"reporter":   "site?a",
		"site":       strings.Repeat("x", 33),
		"execution":  "fence-01",
	} {
		t.Run(field, func(t *testing.T) {
			var input map[string]any
			if err := json.Unmarshal(data, &input); err != nil {
				t.Fatal(err)
			}
			input[field] = bad
			changed, err := json.Marshal(input)
			if err != nil {
				t.Fatal(err)
			}
			if schema.Validate(parse(t, changed)) == nil {
				t.Errorf("the schema takes %q", bad)
			}
			var in contract.ActInput
			if err := json.Unmarshal(changed, &in); err != nil {
				t.Fatal(err)
			}
			if err := in.Validate(); err == nil || !strings.Contains(err.Error(), field+": got ") {
				t.Errorf("Validate says %v, want the field named", err)
			}
		})
	}
}

// TestOrdersAgree: which orders go together is the same for Validate and for the
// schema.
func TestOrdersAgree(t *testing.T) {
	order := map[string]any{"by": "alice", "reason": "maintenance"}
	data, err := os.ReadFile("testdata/v1/event.rejoin.json")
	if err != nil {
		t.Fatal(err)
	}
	endpoints := parse(t, data).(map[string]any)["endpoints"].([]any)
	if data, err = os.ReadFile("testdata/v1/act.input.json"); err != nil {
		t.Fatal(err)
	}
	schema := compile(t, "act.input")
	for name, tc := range map[string]struct {
		fields map[string]any
		wrong  string // the field that Validate names
	}{
		"none":                      {nil, ""},
		"all of them off":           {map[string]any{"dryRun": false, "forced": false, "operation": "", "endpoints": []any{}}, ""},
		"a fence, asked for":        {map[string]any{"order": order}, ""},
		"dry":                       {map[string]any{"dryRun": true, "decision": "rehearse"}, ""},
		"dry, decided as a fence":   {map[string]any{"dryRun": true}, "decision"},
		"a rehearsal that is none":  {map[string]any{"decision": "rehearse"}, "decision"},
		"dry and forced":            {map[string]any{"dryRun": true, "decision": "rehearse", "forced": true, "order": order}, "forced"},
		"dry rejoin":                {map[string]any{"dryRun": true, "decision": "rehearse", "operation": "rejoin", "order": order, "endpoints": endpoints}, "operation"},
		"forced":                    {map[string]any{"forced": true, "order": order}, ""},
		"forced by nobody":          {map[string]any{"forced": true}, "order"},
		"forced by an empty name":   {map[string]any{"forced": true, "order": map[string]any{"by": "", "reason": "x"}}, "order.by"},
		"forced, a long reason":     {map[string]any{"forced": true, "order": map[string]any{"by": "x", "reason": strings.Repeat("x", 513)}}, "order.reason"},
		"rejoin":                    {map[string]any{"operation": "rejoin", "decision": "rejoin", "order": order, "endpoints": endpoints}, ""},
		"rejoin of nothing":         {map[string]any{"operation": "rejoin", "order": order}, "endpoints"},
		"rejoin of an empty list":   {map[string]any{"operation": "rejoin", "order": order, "endpoints": []any{}}, "endpoints"},
		"rejoin by nobody":          {map[string]any{"operation": "rejoin", "endpoints": endpoints}, "order"},
		"rejoin, forced":            {map[string]any{"operation": "rejoin", "forced": true, "order": order, "endpoints": endpoints}, "operation"},
		"a fence with endpoints":    {map[string]any{"endpoints": endpoints}, "endpoints"},
		"an operation of its own":   {map[string]any{"operation": "drain"}, "operation"},
		"more endpoints than exist": {map[string]any{"operation": "rejoin", "order": order, "endpoints": slices.Repeat(endpoints, 1001)}, "endpoints"},
	} {
		t.Run(name, func(t *testing.T) {
			var input map[string]any
			if err := json.Unmarshal(data, &input); err != nil {
				t.Fatal(err)
			}
			maps.Copy(input, tc.fields)
			changed, err := json.Marshal(input)
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(parse(t, changed)); (err != nil) != (tc.wrong != "") {
				t.Errorf("the schema says %v", err)
			}
			var in contract.ActInput
			if err := json.Unmarshal(changed, &in); err != nil {
				t.Fatal(err)
			}
			err = in.Validate()
			if (err != nil) != (tc.wrong != "") || err != nil && !strings.Contains("\n"+err.Error(), "\n"+tc.wrong+": got ") {
				t.Errorf("Validate says %v, want %q named", err, tc.wrong)
			}
		})
	}
}

// TestEnums: the schema's values are the Go constants, all of them.
func TestEnums(t *testing.T) {
	data, err := os.ReadFile("schema/common.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var common struct {
		Defs map[string]struct {
			Enum    []string `json:"enum"`
			Pattern string   `json:"pattern"`
			Const   string   `json:"const"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(data, &common); err != nil {
		t.Fatal(err)
	}
	for def, want := range map[string][]string{
		"decision":  constants(t, "Decision"),
		"reason":    constants(t, "Reason"),
		"drift":     constants(t, "DriftReason"),
		"errorType": slices.Sorted(slices.Values(contract.ErrorTypes)),
	} {
		got := slices.Sorted(slices.Values(common.Defs[def].Enum))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("schema/common.schema.json, %s (-Go +schema):\n%s", def, diff)
		}
	}
	if got := common.Defs["name"].Pattern; got != contract.NamePattern.String() {
		t.Errorf("the schema's name is %s, want %s", got, contract.NamePattern)
	}
	if got := common.Defs["version"].Const; got != contract.Version {
		t.Errorf("the schema's version is %s, want %s", got, contract.Version)
	}
}

// constants are the values of the package's constants of that type, sorted,
// read from its source so that none can be forgotten.
func constants(t *testing.T, typeName string) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != typeName {
				return true
			}
			for _, v := range spec.Values {
				if lit, ok := v.(*ast.BasicLit); ok {
					s, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					values = append(values, s)
				}
			}
			return true
		})
	}
	if len(values) == 0 {
		t.Fatalf("no constants of type %s", typeName)
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// TestEmptyOutputsAreLists: null would trip the machines' expressions.
func TestEmptyOutputsAreLists(t *testing.T) {
	for name, v := range map[string]any{
		"checkhealth.output": contract.Check{
			Version: "1", Deployment: "d", Reporter: "a", Site: "b", Decision: contract.Ignore, Reason: contract.AlreadyFenced,
			Record: []contract.Endpoint{}, CheckedAt: time.Unix(0, 0).UTC(),
		},
		"updateaccelerator.output": contract.Update{Version: "1", Removed: []contract.Endpoint{}},
	} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := compile(t, name).Validate(parse(t, data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		null := strings.Replace(strings.Replace(string(data), `"record":[]`, `"record":null`, 1), `"removed":[]`, `"removed":null`, 1)
		if compile(t, name).Validate(parse(t, []byte(null))) == nil {
			t.Errorf("%s: the schema takes null for a list", name)
		}
	}
}
