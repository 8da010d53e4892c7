package machines_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/sitefence/sitefence/local/emulator"
)

const (
	// waitScale shortens the waits of the machines; their number stays.
	waitScale = 0.001
	// patience bounds a scenario. It is a deadline for conditions, not a wait, and
	// far above the minute that the longest one takes on a busy machine.
	patience = 5 * time.Minute
	busName  = "traps"
)

var (
	lab    *emulator.Emulator
	states *sfn.Client
	desk   = newScripts()
)

// TestMain starts one emulator with the stubs for all scenarios.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	defer desk.close()
	var err error
	lab, err = emulator.Start(ctx, emulator.Options{WaitScale: waitScale, Env: []string{"SITEFENCE_STUB=" + desk.url()}})
	if errors.Is(err, emulator.ErrUnavailable) && os.Getenv("SITEFENCE_REAL") != "1" {
		fmt.Println("machines: skipped:", err)
		return 0
	}
	if err != nil {
		fmt.Println("machines:", err)
		return 1
	}
	defer lab.Stop()
	states = sfn.NewFromConfig(lab.AWSConfig(ctx))
	if err := furnish(ctx); err != nil {
		fmt.Println("machines:", err)
		return 1
	}
	// Scenarios wait for the emulator, not for a processor.
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		fmt.Println("machines:", err)
		return 1
	}
	return m.Run()
}

// furnish deploys the stub as each of the functions and their twins, and as the
// listener of the bus.
func furnish(ctx context.Context) error {
	code, err := stubZip(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{check, update, offline, news} {
		for suffix, timeout := range map[string]int{"": 60, short: 4, panicking: 60} {
			if err := createFunction(ctx, name+suffix, timeout, code); err != nil {
				return err
			}
		}
	}
	bus := eventbridge.NewFromConfig(lab.AWSConfig(ctx))
	if _, err := bus.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String(busName)}); err != nil {
		return fmt.Errorf("creating the bus: %w", err)
	}
	if _, err := bus.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String(news), EventBusName: aws.String(busName),
		EventPattern: aws.String(`{"source":["sitefence"]}`)}); err != nil {
		return fmt.Errorf("creating the rule: %w", err)
	}
	if _, err := bus.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String(news), EventBusName: aws.String(busName),
		Targets: []ebtypes.Target{{Id: aws.String(news), Arn: aws.String(functionARN(news))}}}); err != nil {
		return fmt.Errorf("creating the rule's target: %w", err)
	}
	return nil
}

func functionARN(name string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", lab.Region(), emulator.AccountID, name)
}

// createFunction needs no SDK client of its own.
func createFunction(ctx context.Context, name string, timeout int, code []byte) error {
	body, err := json.Marshal(map[string]any{
		"FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": timeout,
		"Role": "arn:aws:iam::000000000000:role/stub", "Code": map[string]string{"ZipFile": base64.StdEncoding.EncodeToString(code)},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, lab.URL()+"/2015-03-31/functions", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+lab.Region()+"/lambda/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("creating the function %s: %w", name, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("creating the function %s: %s: %s", name, resp.Status, text)
	}
	return nil
}

func stubZip(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "sitefence-stub-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	target := filepath.Join(dir, "bootstrap")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", target, "./testdata/stub")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the stub: %w\n%s", err, out)
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
}
