package main

import (
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the expected output into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sitefence": main})
}

// password is what the deployed secret holds.
const password = "correct-horse-battery"

// TestScripts runs the command as a process of its own; each script in
// testdata is a story with its files.
func TestScripts(t *testing.T) {
	goldens, err := filepath.Abs("../../internal/manifests/testdata")
	if err != nil {
		t.Fatal(err)
	}
	aws := httptest.NewServer(http.HandlerFunc(account))
	t.Cleanup(aws.Close) // the scripts are parallel: they outlive this function
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "GOLDEN="+goldens, "PASSWORD="+password,
				"AWS_ENDPOINT_URL="+aws.URL, "AWS_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true",
				"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exitcode": exitcode},
	})
}

// exitcode runs a command that must end with that code: `exitcode 2 command …`.
func exitcode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode code command [argument …]")
	}
	err := ts.Exec(args[1], args[2:]...)
	if got := fmt.Sprint(err); got != "exit status "+args[0] {
		ts.Fatalf("%v, want exit status %s", err, args[0])
	}
}

// account is an AWS account with the stack `sitefence`, whose webhook secret has
// the name `webhook`, and one `half` that was never finished.
func account(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Header.Get("X-Amz-Target") == "secretsmanager.GetSecretValue" {
		var in struct {
			SecretID string `json:"SecretId"`
		}
		_ = json.Unmarshal(body, &in)
		plain, code := password, ""
		switch in.SecretID {
		case "webhook":
		case "newline":
			plain += "\n"
		case "forbidden":
			code = "AccessDeniedException"
		default:
			code = "ResourceNotFoundException"
		}
		if code != "" {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": "not this secret"})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"SecretString": plain})
		return
	}
	form, _ := url.ParseQuery(string(body))
	outputs := map[string]string{}
	switch name := form.Get("StackName"); name {
	case "sitefence":
		outputs["IngestUrl"], outputs["WebhookSecretArn"] = "https://abcdefghij.lambda-url.eu-west-1.on.aws/", "webhook"
	case "half":
	default:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id %s does not exist</Message></Error></ErrorResponse>`, name)
		return
	}
	describeStack(w, outputs)
}

// describeStack answers DescribeStacks.
func describeStack(w http.ResponseWriter, outputs map[string]string) {
	_, _ = io.WriteString(w, "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>")
	for key, value := range outputs {
		_, _ = fmt.Fprintf(w, "<member><OutputKey>%s</OutputKey><OutputValue>", key)
		_ = xml.EscapeText(w, []byte(value))
		_, _ = io.WriteString(w, "</OutputValue></member>")
	}
	_, _ = io.WriteString(w, "</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>")
}

// What is typed is in the shell's history and in the list of processes.
func TestNoFlagTakesAPassword(t *testing.T) {
	places := map[string]string{"password-secret": "string", "password-file": "string"} // names of places
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if strings.Contains(f.Name, "password") && f.Value.Type() != "bool" && places[f.Name] == "" {
				t.Errorf("%s --%s takes a value", c.CommandPath(), f.Name)
			}
		})
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	look(newRoot())
}
