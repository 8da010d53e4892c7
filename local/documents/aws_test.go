package documents_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/document"
	"github.com/sitefence/sitefence/local/awscli"
	"github.com/sitefence/sitefence/local/emulator"
)

// values are what stands for a variable where AWS's command line wants more
// than a text. Any other variable is a text.
var values = strings.NewReplacer("$WEIGHT", "128", "$PRESERVE", "true", "$START", "1700000000", "$END", "1700003600", "fileb://", "", "file://", "")

// TestAWSCommands: AWS's own command line takes every `aws` of the documents,
// also of the blocks that are only marked as needing AWS.
func TestAWSCommands(t *testing.T) {
	var all []document.Command
	var arguments [][]string
	for _, b := range shellBlocks(t) {
		for _, c := range commands(t, b) {
			if c.Program() == "aws" {
				all, arguments = append(all, c), append(arguments, argumentsOf(c))
			}
		}
	}
	if len(all) < 30 {
		t.Errorf("%d commands: most are not found", len(all))
	}
	for i, verdict := range judge(t, arguments) {
		if verdict != "" {
			t.Errorf("%s: `%s`: %s", all[i].Place(), all[i], verdict)
		}
	}
}

// TestJudge: what is wrong is found.
func TestJudge(t *testing.T) {
	wrong := [][]string{
		{"stepfunctions", "list-execution"},
		{"stepfunctions", "list-executions", "--max-itemz", "5", "--state-machine-arn", "x"},
		{"stepfunctions", "list-executions", "--state-machine-arn", "x", "--query", "executions[].["},
		{"sns", "publish", "--topic-arn", "x"},
		{"globalaccelerator", "add-endpoints", "--endpoint-group-arn", "x", "--endpoint-configurations", "EndpointID=x"},
	}
	for i, verdict := range judge(t, wrong) {
		if verdict == "" {
			t.Errorf("`aws %s` is taken", strings.Join(wrong[i], " "))
		}
	}
}

func argumentsOf(c document.Command) []string {
	args := slices.Clone(c.Words[1:])
	for i := range args {
		args[i] = values.Replace(args[i])
	}
	return args
}

// judge is what is wrong with each list of arguments.
func judge(t *testing.T, arguments [][]string) (verdicts []string) {
	t.Helper()
	bin, err := awscli.Setup(t.Context(), "")
	if errors.Is(err, emulator.ErrUnavailable) && os.Getenv("SITEFENCE_REAL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(arguments)
	if err != nil {
		t.Fatal(err)
	}
	var problem bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "python"), "testdata/check.py")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &problem
	cmd.Env = []string{"HOME=" + t.TempDir(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=eu-west-1",
		"AWS_DEFAULT_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=http://127.0.0.1:1"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, problem.String())
	}
	if err := json.Unmarshal(out, &verdicts); err != nil || len(verdicts) != len(arguments) {
		t.Fatalf("%d verdicts on %d commands: %v", len(verdicts), len(arguments), err)
	}
	return verdicts
}
