package infra_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	infra "github.com/sitefence/sitefence/infra"
)

// addSitefence is what the README shows.
func addSitefence(ctx context.Context, stack awscdk.Stack) (infra.Sitefence, error) {
	config, err := infra.LoadConfig("sitefence.yaml")
	if err != nil {
		return infra.Sitefence{}, err
	}
	assets, err := infra.BuildFunctions(ctx, config.Tuning.Architecture, "build")
	if err != nil {
		return infra.Sitefence{}, err
	}
	return infra.NewSitefence(stack, "Sitefence", infra.StackProps{Config: config, Assets: assets})
}

var _ = addSitefence

func TestReadmeShowsWhatCompiles(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?ms)^func addSitefence.*?^}\n`).FindString(string(source))
	if function == "" || !strings.Contains(string(readme), "```go\n"+function+"```\n") {
		t.Errorf("the README does not show this:\n%s", function)
	}
}
