package operatortest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// schema is what the API server checks objects of a custom resource against:
// patterns and enumerations, which the Go types do not have.
func schema(t *testing.T, resource, version string) *jsonschema.Schema {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus-operator/prometheus-operator")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	dir, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "example", "prometheus-operator-crd-full", "monitoring.coreos.com_"+resource+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema any `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(data, &definition); err != nil {
		t.Fatal(err)
	}
	for _, v := range definition.Spec.Versions {
		if v.Name != version {
			continue
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("crd.json", v.Schema.OpenAPIV3Schema); err != nil {
			t.Fatal(err)
		}
		s, err := c.Compile("crd.json")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Fatalf("no version %s of %s", version, resource)
	return nil
}

func TestServerTakesTheObjects(t *testing.T) {
	schemas := map[string]*jsonschema.Schema{
		"AlertmanagerConfig": schema(t, "alertmanagerconfigs", "v1beta1"),
		"PrometheusRule":     schema(t, "prometheusrules", "v1"),
	}
	for name, in := range inputs() {
		t.Run(name, func(t *testing.T) {
			checked := 0
			for _, d := range documents(t, in) {
				if s := schemas[d.kind]; s != nil {
					checked++
					if err := s.Validate(d.any); err != nil {
						t.Errorf("%s: %v", d.kind, err)
					}
				}
			}
			if checked != len(schemas) {
				t.Errorf("%d objects checked, want %d", checked, len(schemas))
			}
		})
	}
}
