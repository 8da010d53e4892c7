package manifests_test

import (
	"bytes"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/manifests"
	"github.com/sitefence/sitefence/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	ingestURL   = "https://abcdefghij.lambda-url.eu-west-1.on.aws/"
	accelerator = "a1234567890abcdef.awsglobalaccelerator.com"
)

// input is a deployment with those sites, seen from the first.
func input(sites ...contract.Site) manifests.Input {
	d := config.Deployment{
		Name:        "keycloak-prod",
		Accelerator: config.Accelerator{DNSNames: []string{accelerator, "a1234567890abcdef.dualstack.awsglobalaccelerator.com"}},
	}
	for _, name := range sites {
		d.Sites = append(d.Sites, config.Site{Name: name, Infinispan: &config.Infinispan{URL: "https://" + string(name) + ".example.com"}})
	}
	return manifests.Input{
		Config: config.Config{Webhook: config.Webhook{User: "alertmanager"}, Deployments: []config.Deployment{d}},
		Site:   sites[0], IngestURL: ingestURL,
	}
}

func with(in manifests.Input, change func(*manifests.Input)) manifests.Input {
	change(&in)
	return in
}

func TestGolden(t *testing.T) {
	two := input("site-a", "site-b")
	for name, in := range map[string]manifests.Input{
		"openshift.yaml": two,
		"operator.yaml": with(two, func(in *manifests.Input) {
			in.Platform, in.Namespace, in.Site = manifests.Operator, "sso", "site-b"
			in.Labels = map[string]string{"release": "monitoring"}
			in.Password = secret.Of("correct horse")
		}),
		"three-sites.yaml": with(input("site-a", "site-b", "site-c"), func(in *manifests.Input) { in.Platform = manifests.Operator }),
		"no-infinispan.yaml": with(input("east", "west"), func(in *manifests.Input) {
			in.Config.Deployments[0].Sites[0].Infinispan = nil
		}),
		"heartbeat.yaml": beating(two),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := manifests.Kubernetes(in)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, got)
		})
	}
	files, err := manifests.Prometheus(two)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{manifests.AlertmanagerFile, manifests.RulesFile}; !slices.Equal(want, slices.Sorted(maps.Keys(files))) {
		t.Errorf("files %q, want %q", slices.Sorted(maps.Keys(files)), want)
	}
	for name, got := range files {
		t.Run(name, func(t *testing.T) { golden(t, name, got) })
	}
	if files, err = manifests.Prometheus(beating(two)); err != nil {
		t.Fatal(err)
	}
	for name, got := range files {
		t.Run("heartbeat-"+name, func(t *testing.T) { golden(t, "heartbeat-"+name, got) })
	}
}

// beating is the input with a heartbeat.
func beating(in manifests.Input) manifests.Input {
	in.Config.Deployments = slices.Clone(in.Config.Deployments)
	in.Config.Deployments[0].HeartbeatSilence = 15 * time.Minute
	return in
}

// TestHeartbeatIsHeardInTime: whatever silence is configured, posts are so close
// that one may be lost; Alertmanager rounds the repetition up to its group interval.
func TestHeartbeatIsHeardInTime(t *testing.T) {
	for minutes := 5; minutes <= 120; minutes++ {
		in := input("site-a", "site-b")
		silence := time.Duration(minutes) * time.Minute
		in.Config.Deployments[0].HeartbeatSilence = silence
		files, err := manifests.Prometheus(in)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Route struct {
				Routes []struct {
					Matchers []string
					Interval string `json:"group_interval"`
					Repeat   string `json:"repeat_interval"`
				}
			}
		}
		if err := yaml.Unmarshal(files[manifests.AlertmanagerFile], &file); err != nil {
			t.Fatal(err)
		}
		r := file.Route.Routes[1]
		repeat, err := time.ParseDuration(r.Repeat)
		if err != nil {
			t.Fatal(err)
		}
		interval, err := time.ParseDuration(r.Interval)
		if err != nil {
			t.Fatal(err)
		}
		if gap := (repeat + interval - 1).Truncate(interval); 2*gap >= silence {
			t.Errorf("%s: posts up to %s apart", silence, gap)
		}
	}
}

// The runbooks are where the configuration says, unless the flag says otherwise.
func TestRunbooksOfTheConfiguration(t *testing.T) {
	in := beating(input("site-a", "site-b"))
	in.Config.Notifications.Runbooks = "https://wiki.example.com"
	files, err := manifests.Prometheus(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"https://wiki.example.com/site-offline.md", "https://wiki.example.com/site-silent.md"} {
		if !bytes.Contains(files[manifests.RulesFile], []byte(want)) {
			t.Errorf("no %s in\n%s", want, files[manifests.RulesFile])
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got; -update writes it):\n%s", diff)
	}
}

// A wrong field is named, and nothing is made of the rest.
func TestWrongFieldIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*manifests.Input)
		want   []string // the fields, in order
	}{
		"site of no deployment": {func(in *manifests.Input) { in.Site = "site-c" }, []string{"site"}},
		"no site":               {func(in *manifests.Input) { in.Site = "" }, []string{"site"}},
		"no such deployment":    {func(in *manifests.Input) { in.Deployment = "other" }, []string{"deployment"}},
		"which deployment": {func(in *manifests.Input) {
			in.Config.Deployments = append(in.Config.Deployments, config.Deployment{Name: "x"})
		}, []string{"deployment"}},
		"no deployment":           {func(in *manifests.Input) { in.Config.Deployments = nil }, []string{"deployment"}},
		"no URL":                  {func(in *manifests.Input) { in.IngestURL = "" }, []string{"ingest-url"}},
		"URL without TLS":         {func(in *manifests.Input) { in.IngestURL = "http://example.com/" }, []string{"ingest-url"}},
		"loopback in the name":    {func(in *manifests.Input) { in.IngestURL = "http://127.0.0.1.example.com/" }, []string{"ingest-url"}},
		"address of a neighbour":  {func(in *manifests.Input) { in.IngestURL = "http://10.0.0.1/" }, []string{"ingest-url"}},
		"scheme in upper case":    {func(in *manifests.Input) { in.IngestURL = "HTTPS://example.com/" }, []string{"ingest-url"}},
		"port that is none":       {func(in *manifests.Input) { in.IngestURL = "https://example.com:65536/" }, []string{"ingest-url"}},
		"port that is empty":      {func(in *manifests.Input) { in.IngestURL = "https://example.com:/" }, []string{"ingest-url"}},
		"URL with a password":     {func(in *manifests.Input) { in.IngestURL = "https://u:hunter22@example.com/" }, []string{"ingest-url"}},
		"URL with a query":        {func(in *manifests.Input) { in.IngestURL = "https://example.com/?token=hunter22" }, []string{"ingest-url"}},
		"URL of no host":          {func(in *manifests.Input) { in.IngestURL = "https:///x" }, []string{"ingest-url"}},
		"URL that is none":        {func(in *manifests.Input) { in.IngestURL = "abcdefghij" }, []string{"ingest-url"}},
		"URL with a line break":   {func(in *manifests.Input) { in.IngestURL = "https://example.com/\nx" }, []string{"ingest-url"}},
		"runbook that is no URL":  {func(in *manifests.Input) { in.RunbookURL = "runbook.md" }, []string{"runbook-url"}},
		"namespace in upper case": {func(in *manifests.Input) { in.Namespace = "Keycloak" }, []string{"namespace"}},
		"namespace with a quote":  {func(in *manifests.Input) { in.Namespace = `a"b` }, []string{"namespace"}},
		"namespace of 64":         {func(in *manifests.Input) { in.Namespace = strings.Repeat("a", 64) }, []string{"namespace"}},
		"platform":                {func(in *manifests.Input) { in.Platform = "nomad" }, []string{"platform"}},
		"label's key":             {func(in *manifests.Input) { in.Labels = map[string]string{"a b": "c"} }, []string{"label"}},
		"label's value":           {func(in *manifests.Input) { in.Labels = map[string]string{"a": "-"} }, []string{"label"}},
		"password file":           {func(in *manifests.Input) { in.PasswordFile = "a\nb" }, []string{"password-file"}},
		"half a timing": {
			func(in *manifests.Input) { in.Timing = manifests.Timing{For: -1, GroupWait: time.Microsecond} },
			[]string{"interval", "for", "group-wait", "group-interval", "repeat-interval"},
		},
		"all at once": {
			func(in *manifests.Input) { in.Site, in.IngestURL, in.Namespace = "x", "x", "X" },
			[]string{"site", "ingest-url", "namespace"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := with(input("site-a", "site-b"), c.change)
			text, err := manifests.Kubernetes(in)
			if text != nil {
				t.Errorf("text beside the error:\n%s", text)
			}
			if diff := cmp.Diff(c.want, fields(err)); diff != "" {
				t.Fatalf("fields of %v (-want +got):\n%s", err, diff)
			}
			leak.Check(t, err.Error(), "hunter22")
			files, err := manifests.Prometheus(in)
			if diff := cmp.Diff(c.want, fields(err)); diff != "" || files != nil {
				t.Errorf("Prometheus: files %v, fields (-want +got):\n%s", files, diff)
			}
		})
	}
}

func fields(err error) (names []string) {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return nil
	}
	for _, err := range joined.Unwrap() {
		var p *config.Problem
		if errors.As(err, &p) {
			names = append(names, p.Path)
		}
	}
	return names
}

func TestURLOfThisMachineNeedsNoTLS(t *testing.T) {
	for _, url := range []string{"http://127.0.0.1:4566/_aws/lambda-url/abc/", "http://localhost:1/", "http://[::1]:1/"} {
		if _, err := manifests.Prometheus(with(input("site-a", "site-b"), func(in *manifests.Input) { in.IngestURL = url })); err != nil {
			t.Error(err)
		}
	}
}

// Whatever the password and the user are, the Secret holds exactly them, and no
// other document and no file of Prometheus holds the password.
func TestPasswordIsInTheSecretOnlyAndWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user := rapid.StringMatching(`[^:\pC]{1,20}`).Draw(t, "user")
		password := rapid.StringMatching(`[^\pC]{12,40}`).Draw(t, "password")
		in := with(input("site-a", "site-b"), func(in *manifests.Input) {
			in.Config.Webhook.User, in.Password = user, secret.Of(password)
		})
		text, err := manifests.Kubernetes(in)
		if err != nil {
			t.Fatal(err)
		}
		documents := bytes.Split(text, []byte("\n---\n"))
		held := 0
		for _, d := range documents {
			var o struct {
				Kind       string
				StringData map[string]string
			}
			if err := yaml.Unmarshal(d, &o); err != nil {
				t.Fatal(err)
			}
			if o.Kind != "Secret" {
				if bytes.Contains(d, []byte(password)) {
					t.Fatalf("the password is in %s", o.Kind)
				}
				continue
			}
			held++
			if want := map[string]string{"username": user, "password": password}; !cmp.Equal(want, o.StringData) {
				t.Fatalf("the Secret holds %q, want %q", o.StringData, want)
			}
		}
		if held != 1 {
			t.Fatalf("%d Secrets, want 1", held)
		}
		files, err := manifests.Prometheus(in)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			if bytes.Contains(text, []byte(password)) {
				t.Fatalf("the password is in %s", name)
			}
		}
	})
}

func TestPlatform(t *testing.T) {
	withHeartbeat, err := manifests.Kubernetes(with(beating(input("site-a", "site-b")), func(in *manifests.Input) { in.Platform = manifests.Operator }))
	if n := strings.Count(string(withHeartbeat), "\nkind: AlertmanagerConfig\n"); err != nil || n != 2 {
		t.Errorf("%d routes with a heartbeat, want 2 (%v)", n, err)
	}
	for platform, want := range map[manifests.Platform][]string{
		manifests.OpenShift: {"ConfigMap", "Secret", "AlertmanagerConfig", "PrometheusRule"},
		manifests.Operator:  {"Secret", "AlertmanagerConfig", "PrometheusRule"},
	} {
		text, err := manifests.Kubernetes(with(input("site-a", "site-b"), func(in *manifests.Input) { in.Platform = platform }))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(text)) {
			if kind, ok := strings.CutPrefix(line, "kind: "); ok {
				got = append(got, strings.TrimSpace(kind))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", platform, diff)
		}
	}
}
