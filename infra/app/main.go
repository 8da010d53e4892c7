// App is Sitefence's CDK app. The CDK CLI runs it in the repository's root,
// as cdk.json says:
//
//	cdk deploy -c config=path      the configuration (default sitefence.yaml)
//	           -c stack=name       the stack's name (default sitefence)
//	           -c assetsBucket=b   assets go to this bucket with the caller's own
//	                               credentials, for an account without `cdk bootstrap`
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/infra"
	"github.com/sitefence/sitefence/internal/config"
)

// DefaultConfig is the configuration file when none is named. cdk.json's build
// command knows it too.
const DefaultConfig = "sitefence.yaml"

func main() {
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sitefence:", err)
	}
	closeCDK()
	if err != nil {
		os.Exit(1)
	}
}

// closeCDK ends the CDK's process and removes its files, quietly: jsii 1.139.0
// waits for the process in two goroutines at once, and when the wrong one wins
// it complains of an abnormal exit. Nothing else has anything to say by now.
func closeCDK() {
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null
	}
	jsii.Close()
}

func run() error {
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	path := contextOr(app, "config", DefaultConfig)
	c, err := config.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: copy sitefence.example.yaml to %s, or name another file with -c config=path", err, DefaultConfig)
	} else if err != nil {
		return err
	}
	if err := buildFunctions(path, c.Tuning.Architecture); err != nil {
		return err
	}
	staging, err := stagingFolder()
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging) //nolint:errcheck // under build/, which is nobody's
	props := infra.StackProps{Config: c, Assets: infra.Assets{
		Binaries: filepath.Join("build", "functions", string(c.Tuning.Architecture)), Staging: staging,
	}}
	if bucket := contextOr(app, "assetsBucket", ""); bucket != "" {
		props.Synthesizer = awscdk.NewCliCredentialsStackSynthesizer(&awscdk.CliCredentialsStackSynthesizerProps{
			FileAssetsBucketName: jsii.String(bucket),
		})
	}
	if _, err := infra.NewStack(app, contextOr(app, "stack", "sitefence"), props); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}

// buildFunctions builds the functions if cdk.json's build command has not.
//
// That command runs before the app and sees nothing of `-c config=…`, so it
// cannot know the architecture; building both would double the time. So it
// builds what the default configuration file asks for, and leaves every other
// file to the app: each `cdk deploy` builds exactly one architecture.
func buildFunctions(path string, arch config.Architecture) error {
	if filepath.Clean(path) == DefaultConfig {
		return nil
	}
	cmd := exec.Command("go", "run", "./cmd/buildfunctions", "-arch", string(arch))
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building the functions: %w", err)
	}
	return nil
}

// stagingFolder is on the file system of the binaries, so that they need not be
// copied, and of this run only.
func stagingFolder() (string, error) {
	if err := os.MkdirAll("build", 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp("build", "assets-")
}

func contextOr(app awscdk.App, key, otherwise string) string {
	if value, ok := app.Node().TryGetContext(jsii.String(key)).(string); ok && value != "" {
		return value
	}
	return otherwise
}
