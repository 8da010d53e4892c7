package costs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// written are the functions that count metrics: ingest is the stack's, the others
// are there for each deployment.
var written = map[string]bool{"ingest": true, "checkhealth": false, "inspect": false}

// noSeries are the constants of internal/metric that name no metric, and Heartbeats,
// of which each site with a heartbeat has one: the document reckons it by the site.
var noSeries = []string{"Namespace", "Dimension", "Deployment", "Reporter", "Heartbeats"}

// series counts the metrics of internal/metric by who writes them, watched by an
// alarm or not: CloudWatch bills both.
func series(t *testing.T) (shared, each int) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../internal/metric/metric.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				switch by := writers(t, name.Name); {
				case slices.Contains(noSeries, name.Name):
				case len(by) != 1:
					t.Errorf("metric.%s is written by %v, want one function", name.Name, by)
				case written[by[0]]:
					shared++
				default:
					each++
				}
			}
		}
	}
	return shared, each
}

// writers are the functions whose code names the metric.
func writers(t *testing.T, name string) (by []string) {
	t.Helper()
	use := regexp.MustCompile(`\b(metric|emf)\.` + name + `\b`)
	for function := range written {
		files, err := filepath.Glob("../../internal/" + function + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", function, len(files), err)
		}
		if slices.ContainsFunc(files, func(path string) bool {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return !isTest(path) && use.Match(data)
		}) {
			by = append(by, function)
		}
	}
	return by
}

func isTest(path string) bool {
	ok, _ := filepath.Match("*_test.go", filepath.Base(path))
	return ok
}
