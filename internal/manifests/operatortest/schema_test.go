package operatortest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/sitefence/sitefence/internal/manifests"
)

// The operator's definitions: those that its bundle and kube-prometheus-stack
// install, and those with the versions that need the conversion webhook, as on
// OpenShift.
const bundled, full = "prometheus-operator-crd", "prometheus-operator-crd-full"

// schema is what the API server checks objects of a custom resource against:
// patterns and enumerations, which the Go types do not have. A version that is
// not served there is an error.
func schema(t *testing.T, definitions, resource, version string) *jsonschema.Schema {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus-operator/prometheus-operator")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	dir, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "example", definitions, "monitoring.coreos.com_"+resource+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Name   string
				Served bool
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
		if v.Name != version || !v.Served {
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
	t.Fatalf("%s serves no version %s of %s", definitions, version, resource)
	return nil
}

func TestServerTakesTheObjects(t *testing.T) {
	for name, in := range inputs() {
		t.Run(name, func(t *testing.T) {
			definitions := full
			if in.Platform == manifests.Operator {
				definitions = bundled
			}
			checked := 0
			for _, d := range documents(t, in) {
				version, ok := strings.CutPrefix(d.apiVersion, monitoring.GroupName+"/")
				if !ok {
					continue // Kubernetes' own
				}
				checked++
				if err := schema(t, definitions, strings.ToLower(d.kind)+"s", version).Validate(d.any); err != nil {
					t.Errorf("%s: %v", d.kind, err)
				}
			}
			want := 2
			if in.Config.Deployments[0].HeartbeatSilence > 0 {
				want = 3 // the heartbeat's own route
			}
			if checked != want {
				t.Errorf("%d objects checked, want %d", checked, want)
			}
		})
	}
}
