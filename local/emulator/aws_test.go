package emulator_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/local/emulator"
)

// call is a request to a service that needs no SDK client for a test.
func call(ctx context.Context, e *emulator.Emulator, method, service, path, body string, header map[string]string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.URL()+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=test/20260101/%s/%s/aws4_request, SignedHeaders=host, Signature=0", e.Region(), service))
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s answered %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}

// probeZip is testdata/probe, built once.
var probeZip = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "sitefence-probe-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	target := filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", target, "./testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the probe: %w\n%s", err, out)
	}
	binary, err := os.ReadFile(target)
	if err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	file, err := archive.CreateHeader(&zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, ExternalAttrs: 0o755 << 16, CreatorVersion: 3 << 8})
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(binary); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
})

// probe is a deployed Lambda.
type probe struct {
	emulator *emulator.Emulator
	name     string
	arn      string
}

// deployProbe deploys it by CloudFormation, as the product is; more are
// further properties in YAML, one a line.
func deployProbe(t *testing.T, e *emulator.Emulator, more string) probe {
	t.Helper()
	code, err := probeZip()
	if err != nil {
		t.Fatal(err)
	}
	name := unique("probe")
	must := func(_ []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(call(t.Context(), e, http.MethodPut, "s3", "/"+name, "", nil))
	must(call(t.Context(), e, http.MethodPut, "s3", "/"+name+"/code.zip", string(code), nil))
	template := fmt.Sprintf(`
Resources:
  Probe:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: %[1]s
      Runtime: provided.al2023
      Handler: bootstrap
      Timeout: 70
      Role: arn:aws:iam::000000000000:role/probe
      Code: {S3Bucket: %[1]s, S3Key: code.zip}
      %[2]s
`, name, more)
	form := url.Values{"Action": {"CreateStack"}, "Version": {"2010-05-15"}, "StackName": {name}, "TemplateBody": {template}}
	must(call(t.Context(), e, http.MethodPost, "cloudformation", "/", form.Encode(),
		map[string]string{"Content-Type": "application/x-www-form-urlencoded"}))
	eventually(t, 30*time.Second, func() error {
		form := url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {name}}
		answer, err := call(t.Context(), e, http.MethodPost, "cloudformation", "/", form.Encode(),
			map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
		if err == nil && !strings.Contains(string(answer), "<StackStatus>CREATE_COMPLETE<") {
			err = fmt.Errorf("stack: %s", answer)
		}
		return err
	})
	return probe{e, name, fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", e.Region(), emulator.AccountID, name)}
}

func (p probe) post(ctx context.Context, input any) ([]byte, error) {
	body, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	return call(ctx, p.emulator, http.MethodPost, "lambda", "/2015-03-31/functions/"+p.name+"/invocations", string(body), nil)
}

func (p probe) invoke(t *testing.T, input, output any) {
	t.Helper()
	answer, err := p.post(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(answer, output); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
}

// machine creates a state machine from states in JSONata, starting at "Start".
func machine(t *testing.T, e *emulator.Emulator, states string) (*sfn.Client, string) {
	t.Helper()
	client := sfn.NewFromConfig(e.AWSConfig(t.Context()))
	out, err := client.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
		Name:       aws.String(unique("machine")),
		RoleArn:    aws.String("arn:aws:iam::000000000000:role/machine"),
		Definition: aws.String(`{"QueryLanguage":"JSONata","StartAt":"Start","States":{` + states + `}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, *out.StateMachineArn
}

// execute runs a machine of these states to its end.
func execute(t *testing.T, e *emulator.Emulator, states, input string) *sfn.DescribeExecutionOutput {
	t.Helper()
	client, arn := machine(t, e, states)
	out, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Input: &input})
	if err != nil {
		t.Fatal(err)
	}
	return ended(t, client, *out.ExecutionArn)
}

func ended(t *testing.T, client *sfn.Client, arn string) *sfn.DescribeExecutionOutput {
	t.Helper()
	var end *sfn.DescribeExecutionOutput
	eventually(t, 30*time.Second, func() error {
		var err error
		end, err = client.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err == nil && end.Status == types.ExecutionStatusRunning {
			err = fmt.Errorf("%s is running", arn)
		}
		return err
	})
	return end
}

// outcome is an execution's end in a line: its output, or its error and cause.
func outcome(end *sfn.DescribeExecutionOutput) string {
	if end.Status == types.ExecutionStatusSucceeded {
		return aws.ToString(end.Output)
	}
	return fmt.Sprintf("%s %s: %s", end.Status, aws.ToString(end.Error), aws.ToString(end.Cause))
}

var counter struct {
	sync.Mutex
	n int
}

// unique names keep tests apart that share an emulator.
func unique(prefix string) string {
	counter.Lock()
	defer counter.Unlock()
	counter.n++
	return fmt.Sprintf("%s-%d", prefix, counter.n)
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
