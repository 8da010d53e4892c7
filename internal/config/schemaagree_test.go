package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// byLoaderOnly is what a schema cannot say: the loader's words for it.
var byLoaderOnly = []string{
	"a readable PEM file", "a value that no other", "the name of one of the deployment's sites",
}

// agree wants the loader and the schema to take the same, and says what they did.
func agree(t *testing.T, dir, what string, doc any) (accepted bool) {
	t.Helper()
	text, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	_, loading := read(text, dir)
	bySchema := validate(t, doc)
	if loading != nil && bySchema == nil {
		for _, line := range strings.Split(loading.Error(), "\n") {
			if !slices.ContainsFunc(byLoaderOnly, func(w string) bool { return strings.Contains(line, w) }) {
				t.Errorf("%s: the schema accepts what the loader refuses: %s", what, line)
			}
		}
	}
	if loading == nil && bySchema != nil {
		t.Errorf("%s: the loader accepts what the schema refuses: %v", what, bySchema)
	}
	return loading == nil
}

func decode(t *testing.T) map[string]any {
	t.Helper()
	doc, err := everythingDecoded()
	if err != nil {
		t.Fatal(err)
	}
	return clone(doc).(map[string]any)
}

var everythingDecoded = sync.OnceValues(func() (doc map[string]any, err error) {
	return doc, yaml.Unmarshal([]byte(everything), &doc)
})

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		copied := map[string]any{}
		for name, inner := range v {
			copied[name] = clone(inner)
		}
		return copied
	case []any:
		copied := []any{}
		for _, inner := range v {
			copied = append(copied, clone(inner))
		}
		return copied
	}
	return v
}

// remove stands for a field that is taken out.
type remove struct{}

// set changes one place of a document, as tuning.functions.ingest or
// deployments[0].name.
func set(t *testing.T, doc map[string]any, path string, value any) {
	t.Helper()
	var at any = doc
	steps := strings.Split(strings.ReplaceAll(path, "[", ".["), ".")
	for i, step := range steps {
		last := i == len(steps)-1
		if n := 0; strings.HasPrefix(step, "[") {
			if _, err := fmt.Sscanf(step, "[%d]", &n); err != nil {
				t.Fatal(err)
			}
			list := at.([]any)
			if last {
				list[n] = value
			}
			at = list[n]
			continue
		}
		m := at.(map[string]any)
		switch _, gone := value.(remove); {
		case last && gone:
			delete(m, step)
		case last:
			m[step] = value
		}
		at = m[step]
	}
}

// places are all the paths of a document.
func places(path string, v any) []string {
	var all []string
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			at := strings.TrimPrefix(path+"."+name, ".")
			all = append(append(all, at), places(at, inner)...)
		}
	case []any:
		for i, inner := range v {
			at := fmt.Sprintf("%s[%d]", path, i)
			all = append(append(all, at), places(at, inner)...)
		}
	}
	slices.Sort(all)
	return all
}

// TestSchemaAgreesWithTheLoader spoils every place of a file in every way that it
// knows.
func TestSchemaAgreesWithTheLoader(t *testing.T) {
	dir := pemFolder(t)
	if !agree(t, dir, "everything", decode(t)) {
		t.Fatal("everything is refused")
	}
	wrong := []any{remove{}, nil, "", "x y!", "none", "NONE", "0s", 7, -1, 1.5, true, false, []any{}, []any{"x"}, []any{nil}, map[string]any{}, map[string]any{"x": 1}}
	accepted, refused := 0, 0
	for _, path := range places("", decode(t)) {
		for _, value := range wrong {
			if _, gone := value.(remove); gone && strings.HasSuffix(path, "]") {
				continue
			}
			doc := decode(t)
			set(t, doc, path, value)
			if agree(t, dir, fmt.Sprintf("%s: %v", path, value), doc) {
				accepted++
			} else {
				refused++
			}
		}
	}
	if accepted < 100 || refused < 1000 {
		t.Errorf("%d accepted, %d refused: too few of one kind to show anything", accepted, refused)
	}
}

func times(n int, f func(int) any) []any {
	var all []any
	for i := range n {
		all = append(all, f(i))
	}
	return all
}

// TestSchemaAtTheEdges: where a rule begins and ends, both say the same.
func TestSchemaAtTheEdges(t *testing.T) {
	dir := pemFolder(t)
	subnets := func(n int) []any {
		return times(n, func(i int) any { return fmt.Sprintf("subnet-%017x", i) })
	}
	const site, infinispan = "deployments[0].sites[0]", "deployments[0].sites[0].infinispan"
	edges := []struct {
		path string
		good []any
		bad  []any
	}{
		{"webhook.user", []any{"ä", strings.Repeat("u", 128)}, []any{"a:b", strings.Repeat("u", 129), "a\tb"}},
		{"webhook.passwordSecret", []any{"a/b_c+d=e.f@g-h"}, []any{"a b", "arn:aws:secretsmanager:eu-west-1:1:secret:x", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x", strings.Repeat("s", 513)}},
		{"deployments", []any{decode(t)["deployments"]}, []any{times(9, func(int) any { return nil })}},
		{"deployments[0].name", []any{"a", strings.Repeat("a", 32)}, []any{"-a", "a-", "A", strings.Repeat("a", 33)}},
		{"deployments[0].accelerator.dnsNames", []any{[]any{"a.b"}}, []any{[]any{"a"}, []any{"A.b"}, []any{"a.b."}, []any{"a.b", "a.b"}, []any{"-a.b"}}},
		{"deployments[0].preferred", []any{"site-b"}, []any{"Site", remove{}}},
		{"deployments[0].preferenceDelay", []any{"1s", "300s", nil, remove{}}, []any{"0s", "301s", "1m", "01s"}},
		{"deployments[0].network.subnetIds", []any{subnets(1), subnets(16)}, []any{subnets(17), append(subnets(1), subnets(1)...), []any{"subnet-1"}}},
		{"deployments[0].network.securityGroupIds", []any{nil, remove{}}, []any{[]any{"sg-X"}}},
		{"deployments[0].network", []any{
			map[string]any{"subnetIds": subnets(1), "vpcId": "vpc-0123456789abcdef0"}, nil, remove{},
		}, []any{map[string]any{"subnetIds": subnets(1)}, map[string]any{"subnetIds": subnets(1), "vpcId": nil}, map[string]any{"vpcId": "vpc-0123456789abcdef0"}}},
		{infinispan + ".url", []any{"https://a", "https://[::1]:1", "HTTPS://a:65535"}, []any{"http://a", "https://", "https://a/", "https://u:p@a", "https://a?x"}},
		{infinispan + ".insecureSkipVerify", []any{false, nil}, []any{true}},
		{infinispan + ".caSecret", []any{nil}, []any{"x"}},
		{infinispan + ".caFile", []any{nil, remove{}}, nil},
		{site + ".healthUrl", []any{"https://a", "https://a/", "https://a:1/b/c"}, []any{"https://a/b?c", "http://a/b", "https://a/b#c", "https://a/b c"}},
		{site + ".infinispan", []any{"none"}, []any{"nothing", nil, remove{}}},
		{"notifications.emails", []any{[]any{}, times(20, func(i int) any { return fmt.Sprintf("a%d@b.c", i) })}, []any{[]any{"a"}, []any{"a@b.c", "a@b.c"}, times(21, func(i int) any { return fmt.Sprintf("a%d@b.c", i) })}},
		{"notifications.encrypted", []any{false, nil}, []any{true}}, // beside a key
		{"notifications.runbooks", []any{"https://a/b_c.d~e-f", nil}, []any{"http://a/b", "https://a/b?c", "https://a/<b>", "https://a/" + strings.Repeat("b", 300)}},
		{"drift.oneSiteLeftAfter", []any{"1h", "168h", nil}, []any{"0h", "169h", "60m", "24"}},
		{"deployments[0].heartbeat", []any{nil, remove{}}, []any{map[string]any{}, "15m"}},
		{"deployments[0].heartbeat.silence", []any{"5m", "120m"}, []any{"4m", "121m", "600s", nil}},
		{"tuning.guard.recheckWait", []any{"8s", "60s", "1m", nil}, []any{"4s", "61s", "2m", "1h"}},
		{"tuning.guard.alertAge", []any{"300s", "5m", "1440m", "24h", "86400s"}, []any{"299s", "4m", "25h", "1441m", "86401s", "1h30m"}},
		{"tuning.guard.giveUpAfter", []any{"900s", "15m", "90m", "1h"}, []any{"899s", "14m", "2h", "91m"}},
		{"tuning.fence.recheckWait", []any{"1s", "15s"}, []any{"0s", "16s", "1m"}},
		{"tuning.fence.deployWait", []any{"2m", "1h", "120s"}, []any{"119s", "1m", "2h", "61m"}},
		{"tuning.fence.updateTries", []any{6, 60, nil}, []any{5, 61, "6"}},
		{"tuning.ingestConcurrency", []any{10, 1000, nil}, []any{9, 1001}},
		{"tuning.reservedConcurrency", []any{true, nil}, []any{false}},
		{"tuning.logRetentionDays", []any{1, 3653}, []any{2, 0}},
		{"tuning.confirmAfter", []any{"0s", "300s"}, []any{"301s", "-1s", "00s"}},
		{"tuning.permissionsBoundary", []any{"arn:aws:iam::aws:policy/PowerUserAccess"}, []any{"arn:aws:iam::1:policy/x", "arn:aws:iam::123456789012:role/x", "boundary"}},
		{"tuning.secretKeyArns", []any{[]any{"arn:aws:kms:eu-west-1:123456789012:key/mrk-1"}}, []any{[]any{"arn:aws:kms:eu-west-1:123456789012:alias/x"}}},
		{"tags", []any{map[string]any{"a:b/c=d+e-f@g h_i.j": ""}, nil}, []any{map[string]any{"aws:x": "y"}, map[string]any{"AWS:x": "y"}, map[string]any{"x": "y!"}, map[string]any{"": "y"}, map[string]any{"x~": "y"}}},
	}
	for _, limit := range FunctionLimits() {
		seconds := func(n int) any { return fmt.Sprintf("%ds", n) }
		path := "tuning.functions." + limit.Name
		edges = append(edges, struct {
			path      string
			good, bad []any
		}{path + ".timeout", []any{seconds(limit.Least()), seconds(limit.Timeout)}, []any{seconds(limit.Least() - 1), seconds(limit.Timeout + 1), limit.Timeout}})
		edges = append(edges, struct {
			path      string
			good, bad []any
		}{path + ".memory", []any{256, 10240}, []any{255, 10241, "512"}})
	}
	for _, e := range edges {
		for i, value := range append(slices.Clone(e.good), e.bad...) {
			doc := decode(t)
			set(t, doc, e.path, value)
			what := fmt.Sprintf("%s: %v", e.path, value)
			if accepted := agree(t, dir, what, doc); accepted != (i < len(e.good)) {
				t.Errorf("%s: accepted: %t", what, accepted)
			}
		}
	}
}

// TestSchemaDefaults: what the schema gives as a default is what the loader takes
// when there is nothing.
func TestSchemaDefaults(t *testing.T) {
	dir, n := pemFolder(t), 0
	with := func(path string, value any) Config {
		doc := decode(t)
		set(t, doc, path, value)
		text, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		c, err := read(text, dir)
		if err != nil {
			t.Fatalf("%s: %v: %v", path, value, err)
		}
		for _, limit := range FunctionLimits() { // zero means the default
			if c.Tuning.Functions != nil {
				c.Tuning.Functions[limit.Name] = c.Tuning.Of(limit.Name, limit.Timeout)
			}
		}
		return c
	}
	readSchema(t).walk("", func(path string, _, f *node) {
		if f.Default == nil {
			return
		}
		n++
		if whole, ok := f.Default.(float64); ok {
			f.Default = int(whole)
		}
		at := strings.ReplaceAll(path, "[]", "[0]")
		if diff := cmp.Diff(with(at, remove{}), with(at, f.Default)); diff != "" {
			t.Errorf("%s: nothing is not %v (-nothing +default):\n%s", path, f.Default, diff)
		}
	})
	if n < 15 {
		t.Errorf("%d defaults in the schema", n)
	}
}

// TestExampleShowsEveryField: as a field, or in a comment.
func TestExampleShowsEveryField(t *testing.T) {
	text, err := os.ReadFile("../../sitefence.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const first = "# yaml-language-server: $schema=./sitefence.schema.json\n"
	if !strings.HasPrefix(string(text), first) {
		t.Errorf("want the first line %q", first)
	}
	if err := inSchema(t, text); err != nil {
		t.Error(err)
	}
	if _, err := read(text, "../.."); err != nil {
		t.Error(err)
	}
	readSchema(t).walk("", func(path string, _, _ *node) {
		name := path[strings.LastIndex(path, ".")+1:]
		if !regexp.MustCompile(`(?m)(^[ #-]*|[{,] ?)` + name + `:`).Match(text) {
			t.Errorf("sitefence.example.yaml does not show %s", path)
		}
	})
}
