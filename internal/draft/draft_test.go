package draft_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/draft"
	"github.com/sitefence/sitefence/local/balancers"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	here  = "eu-west-1"
	there = "eu-central-1"
)

// account is an AWS account over the real wire protocol.
type account struct {
	t           *testing.T
	accelerator *ga.Fake
	balancers   *balancers.Fake
	secrets     map[string][]string // names by Region
	denied      bool                // listing secrets
}

func newAccount(t *testing.T) *account {
	a := &account{t: t, accelerator: ga.New(ga.Options{PageSize: 1}), balancers: balancers.New(), secrets: map[string][]string{}}
	if err := a.accelerator.Start(); err != nil {
		t.Fatal(err)
	}
	secrets := httptest.NewServer(http.HandlerFunc(a.listSecrets))
	t.Cleanup(func() { _ = a.accelerator.Close(); a.balancers.Close(); secrets.Close() })
	for name, value := range map[string]string{
		"AWS_REGION": here, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "", "AWS_SESSION_TOKEN": "",
		"AWS_ENDPOINT_URL":                           "http://127.0.0.1:1",
		"AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR":        a.accelerator.URL(),
		"AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": a.balancers.URL,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER":           secrets.URL,
	} {
		t.Setenv(name, value)
	}
	return a
}

var scope = regexp.MustCompile(`Credential=[^/]+/\d+/([a-z0-9-]+)/secretsmanager/`)

// listSecrets answers a page of one name.
func (a *account) listSecrets(w http.ResponseWriter, r *http.Request) {
	region := scope.FindStringSubmatch(r.Header.Get("Authorization"))[1]
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if r.Header.Get("X-Amz-Target") != "secretsmanager.ListSecrets" || a.denied {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"AccessDeniedException","message":"not authorized"}`))
		return
	}
	var in struct{ NextToken string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	page := 0
	_, _ = fmt.Sscan(in.NextToken, &page)
	out := map[string]any{"SecretList": []any{}}
	if names := a.secrets[region]; page < len(names) {
		out["SecretList"] = []any{map[string]string{"Name": names[page],
			"ARN": "arn:aws:secretsmanager:" + region + ":123456789012:secret:" + names[page] + "-AbCdEf"}}
		if page+1 < len(names) {
			out["NextToken"] = fmt.Sprint(page + 1)
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// balancer makes a load balancer; site "" gives it no tag.
func (a *account) balancer(region, name, site string) ga.Endpoint {
	tags := map[string]string{"team": "identity"}
	if site != "" {
		tags["site"] = site
	}
	arn := balancers.ARN(region, name)
	a.balancers.Put(arn, tags)
	return ga.NewEndpoint(arn)
}

func (a *account) build(name string, listeners ...ga.Listener) ga.Accelerator {
	a.t.Helper()
	acc, err := a.accelerator.Build(name, listeners...)
	if err != nil {
		a.t.Fatal(err)
	}
	return acc
}

func (a *account) read(what string) (draft.Facts, error) {
	a.t.Helper()
	cfg, err := awsconfig.LoadDefaultConfig(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	return draft.Read(a.t.Context(), cfg, what)
}

// pair is an accelerator with two sites in one Region, the second of two.
func pair(a *account) ga.Accelerator {
	a.build("other", ga.NewListener(80, ga.NewGroup(here, a.balancer(here, "lb-x", ""))))
	a.secrets[here] = []string{"keycloak/site-a/infinispan", "infinispan-site-b", "infinispan-site-bb", "keycloak/alertmanager-webhook", "db"}
	return a.build("Keycloak prod",
		ga.NewListener(443, ga.NewGroup(here, a.balancer(here, "lb-b", "site-b"), a.balancer(here, "lb-a", "site-a"))),
		ga.NewListener(8443, ga.NewGroup(here, a.balancer(here, "lb-a", "site-a"))))
}

// spread is an accelerator with sites in two Regions, whose secrets and name fit
// nothing.
func spread(a *account) ga.Accelerator {
	a.secrets[here], a.secrets[there] = []string{"unrelated"}, []string{"keycloak/2/infinispan"}
	gone := balancers.ARN(here, "gone")
	return a.build("!", ga.NewListener(443, ga.NewGroup(here, a.balancer(here, "lb-on", "on"), ga.NewEndpoint(gone)),
		ga.NewGroup(there, a.balancer(there, "lb-2", "2"), a.balancer(there, "lb-2b", "2"))))
}

// filled is the draft with every gap filled in, in order.
func filled(text string, values ...string) string {
	at := regexp.MustCompile(`"<FILL IN: [^"]*>"`)
	i := -1
	return at.ReplaceAllStringFunc(text, func(string) string {
		if i++; i >= len(values) {
			return "too few values"
		}
		return values[i]
	})
}

func TestDraft(t *testing.T) {
	for name, tc := range map[string]struct {
		build   func(*account) ga.Accelerator
		refused []string // fields, in the file's order
		values  []string
	}{
		"pair": {pair, []string{
			"deployments[0].sites[0].infinispan.url", "deployments[0].sites[0].infinispan.user",
			"deployments[0].sites[1].infinispan.url", "deployments[0].sites[1].infinispan.user",
			"deployments[0].sites[1].infinispan.passwordSecret", "notifications.emails[0]",
		}, []string{"https://a.example.com", "sitefence", "https://b.example.com:11222", "sitefence", "infinispan-site-b", "oncall@example.com"}},
		"spread": {spread, []string{
			"deployments[0].name",
			"deployments[0].sites[0].infinispan.url", "deployments[0].sites[0].infinispan.user",
			"deployments[0].sites[1].infinispan.url", "deployments[0].sites[1].infinispan.user",
			"deployments[0].sites[1].infinispan.passwordSecret", "notifications.emails[0]",
		}, []string{"kc", "https://a.example.com", "sitefence", "https://b.example.com", "sitefence", "a-secret", "oncall@example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t)
			acc := tc.build(a)
			facts, err := a.read(acc.DNSName)
			if err != nil {
				t.Fatal(err)
			}
			text, gaps := draft.Write(facts, draft.DefaultPattern, "./sitefence.schema.json")
			golden(t, name+".yaml", string(text))
			if n := strings.Count(string(text), draft.Mark); gaps != len(tc.refused) || n != gaps {
				t.Errorf("%d gaps, %d marks, want %d", gaps, n, len(tc.refused))
			}
			_, err = load(t, string(text))
			lines := strings.Split(fmt.Sprint(err), "\n")
			if len(lines) != len(tc.refused) {
				t.Errorf("%d fields refused, want %d:\n%v", len(lines), len(tc.refused), err)
			}
			for i, want := range tc.refused {
				if i < len(lines) && !strings.Contains(lines[i], want+": got") {
					t.Errorf("%q is not about %s", lines[i], want)
				}
			}
			c, err := load(t, filled(string(text), tc.values...))
			if err != nil {
				t.Fatalf("filled in: %v", err)
			}
			d := c.Deployments[0]
			if d.Accelerator.ARN != acc.ARN || !cmp.Equal(d.Accelerator.DNSNames, []string{acc.DNSName, acc.DualStackDNSName}) || len(d.Sites) != 2 {
				t.Errorf("got %+v", d)
			}
		})
	}
}

func load(t *testing.T, text string) (config.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sitefence.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(path)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got; go test -update writes it):\n%s", diff)
	}
}

// TestFound: the ARN, each DNS name, and a name as people write it lead to the
// same accelerator, and the fake shows one on a page.
func TestFound(t *testing.T) {
	a := newAccount(t)
	acc := pair(a)
	for _, what := range []string{acc.ARN, acc.DNSName, acc.DualStackDNSName, strings.ToUpper(acc.DNSName[:3]) + acc.DNSName[3:] + "."} {
		facts, err := a.read(what)
		if err != nil || facts.Accelerator.ARN != acc.ARN {
			t.Errorf("%s: got %+v, %v", what, facts.Accelerator, err)
		}
	}
}

func TestRefused(t *testing.T) {
	two := func(a *account, second ga.Endpoint) string {
		return a.build("kc", ga.NewListener(443, ga.NewGroup(here, a.balancer(here, "lb-a", "site-a"), second))).ARN
	}
	for name, tc := range map[string]struct {
		what func(*account) string
		want []string
	}{
		"none there":   {func(*account) string { return "a.awsglobalaccelerator.com" }, []string{`"a.awsglobalaccelerator.com"`, "this account has none"}},
		"others there": {func(a *account) string { pair(a); return "a.awsglobalaccelerator.com" }, []string{"there are ", ".awsglobalaccelerator.com, "}},
		"no such ARN":  {func(*account) string { return "arn:aws:globalaccelerator::123456789012:accelerator/abc" }, []string{"there is no accelerator arn:"}},
		"another ARN":  {func(*account) string { return "arn:aws:s3:::x" }, []string{"no ARN of an accelerator"}},
		"empty":        {func(a *account) string { return a.build("kc", ga.NewListener(443, ga.NewGroup(here))).ARN }, []string{"holds no load balancer"}},
		"one site":     {func(a *account) string { return two(a, a.balancer(here, "lb-a2", "site-a")) }, []string{"of 1 sites (site-a)", "want 2 to 4"}},
		"untagged":     {func(a *account) string { return two(a, a.balancer(here, "lb-b", "")) }, []string{balancers.ARN(here, "lb-b") + " has no tag site", "add-tags --region eu-west-1"}},
		"tagged oddly": {func(a *account) string { return two(a, a.balancer(here, "lb-b", "Site B")) }, []string{"site=\"Site B\"", "lower-case"}},
		"secrets shut": {func(a *account) string { a.denied = true; return two(a, a.balancer(here, "lb-b", "site-b")) }, []string{"listing the secrets' names in eu-west-1", "AccessDenied"}},
		"balancer shut": {func(a *account) string {
			a.balancers.Refuse(here, "AccessDenied")
			return two(a, a.balancer(here, "lb-b", "site-b"))
		}, []string{"AccessDenied"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t)
			_, err := a.read(tc.what(a))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "replay") {
				t.Errorf("there is nothing to replay: %v", err)
			}
		})
	}
}

func TestPattern(t *testing.T) {
	facts := func(names ...string) draft.Facts {
		f := draft.Facts{Region: here, Accelerator: draft.Accelerator{ARN: "arn", Name: "kc", DNSNames: []string{"a.b"}},
			Sites: []draft.Site{{Name: "site-a", Balancers: []string{balancers.ARN(here, "a")}}, {Name: "no", Balancers: []string{balancers.ARN(here, "b")}}}}
		for _, n := range names {
			f.Secrets = append(f.Secrets, draft.Secret{Name: n, ARN: "arn:" + n, Region: here})
		}
		return f
	}
	for _, tc := range []struct {
		pattern draft.Pattern
		secrets []string
		want    string // of site-a's
	}{
		{draft.DefaultPattern, []string{"a/Infinispan/Site-A"}, "passwordSecret: a/Infinispan/Site-A\n"},
		{draft.DefaultPattern, []string{"site-a/infinispan"}, "passwordSecret: site-a/infinispan\n"},
		{draft.DefaultPattern, []string{"site-a/db", "infinispan"}, "no secret's name fits"},
		{draft.DefaultPattern, []string{"site-a/infinispan", "infinispan.site-a"}, "which of these secrets holds its password? infinispan.site-a, site-a/infinispan"},
		{draft.DefaultPattern, []string{"@site-a/infinispan"}, "passwordSecret: \"@site-a/infinispan\"\n"},
		{"k/{site}/pw", []string{"k/site-a/pw", "k/site-a/pw2", "ok/site-a/pw"}, "passwordSecret: k/site-a/pw\n"},
		{"k.{site}*", []string{"kxsite-a", "k.site-a.1"}, "passwordSecret: k.site-a.1\n"},
	} {
		text, _ := draft.Write(facts(tc.secrets...), tc.pattern, "./sitefence.schema.json")
		_, ofSite, _ := strings.Cut(string(text), "name: site-a")
		if !strings.Contains(ofSite, tc.want) {
			t.Errorf("%s over %q: no %q in\n%s", tc.pattern, tc.secrets, tc.want, ofSite)
		}
		// A site of this name is text and not a boolean.
		if !strings.Contains(string(text), `- name: "no"`) {
			t.Errorf("the site no is not in quotes:\n%s", text)
		}
	}
	if draft.Pattern("infinispan*").Validate() == nil || draft.DefaultPattern.Validate() != nil {
		t.Error("a pattern must tell the sites apart")
	}
}
