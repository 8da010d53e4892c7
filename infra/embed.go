package infra

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/cmd/buildfunctions/bootstrap"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// For apps that cannot import the package in which the configuration is: what it
// consists of. Each field is documented there and in sitefence.example.yaml.
type (
	// Config is a whole configuration.
	Config = config.Config
	// Webhook is who may post alerts.
	Webhook = config.Webhook
	// DeploymentConfig is one accelerator with its sites.
	DeploymentConfig = config.Deployment
	// Accelerator names a Global Accelerator.
	Accelerator = config.Accelerator
	// Site is one site of a deployment.
	Site = config.Site
	// SiteName is a site's name: the tag of its load balancers.
	SiteName = contract.Site
	// Infinispan is the REST endpoint of a site's Infinispan.
	Infinispan = config.Infinispan
	// NotificationConfig says who hears of alarms and fences.
	NotificationConfig = config.Notifications
	// Drift says whether the deployments are checked for drift.
	Drift = config.Drift
	// Tuning holds what has a good default.
	Tuning = config.Tuning
	// Architecture is a Lambda instruction set.
	Architecture = config.Architecture
)

// The functions' instruction sets.
const (
	ARM64 = config.ARM64
	AMD64 = config.AMD64
)

// LoadConfig reads a configuration file as the CDK app does: it fills in the
// defaults and names every problem at once. The constructs trust what it returns.
func LoadConfig(path string) (Config, error) { return config.Load(path) }

// checkTuning refuses a configuration that LoadConfig has not filled in: a log
// group without retention would be kept for ever.
func checkTuning(t Tuning) error {
	if t.Architecture != ARM64 && t.Architecture != AMD64 {
		return fmt.Errorf("tuning: architecture %q, want arm64 or amd64: take the configuration from LoadConfig, which has the defaults", t.Architecture)
	}
	if retention(t.LogRetentionDays) == "" {
		return fmt.Errorf("tuning: %d days of logs, want a number that CloudWatch Logs knows: take the configuration from LoadConfig, which has the defaults", t.LogRetentionDays)
	}
	return nil
}

// module holds the functions' sources.
const module = "github.com/sitefence/sitefence"

// BuildFunctions builds the Lambda functions of the release that the app's go.mod
// names, into dir, and returns what the constructs need of them. The same sources
// make the same bytes. Call it while the current folder is within the app's
// module, and Remove the assets when the app has been synthesised.
//
// It needs the Go toolchain, and for a release's first build the modules that the
// functions are made of.
func BuildFunctions(ctx context.Context, arch Architecture, dir string) (Assets, error) {
	root, err := sources(ctx)
	if err != nil {
		return Assets{}, fmt.Errorf("building the functions: %w", err)
	}
	binaries, err := bootstrap.Build(ctx, bootstrap.Options{Root: root, Out: dir, Arch: arch})
	if err != nil {
		return Assets{}, fmt.Errorf("building the functions: %w", err)
	}
	// Beside the binaries, which then need not be copied.
	staging, err := os.MkdirTemp(filepath.Dir(binaries), "assets-")
	if err != nil {
		return Assets{}, err
	}
	return Assets{Binaries: binaries, Staging: staging}, nil
}

// sources is the folder of Sitefence's module, as the module around the current
// folder sees it: in Go's module cache, or where a replace directive points.
func sources(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("finding %s: %w\n%s", module, err, bytes.TrimSpace(problem.Bytes()))
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		return "", errors.New("the sources of " + module + " are not there: run `go mod download`; an app with a vendor folder cannot build the functions")
	}
	return dir, nil
}

// Sitefence is all of it, made.
type Sitefence struct {
	Bus           Bus
	Ingest        Ingest
	Notifications Notifications
	Deployments   []Deployment
}

// NewSitefence makes all of Sitefence in a stack of yours, once: the bus, the
// ingest, the topic, every deployment of the configuration, alarms and outputs.
// All has Sitefence's tags, those of the configuration too.
func NewSitefence(scope constructs.Construct, id string, props StackProps) (Sitefence, error) {
	scope = constructs.NewConstruct(scope, jsii.String(id))
	made, err := newParts(scope, props)
	if err != nil {
		return Sitefence{}, err
	}
	addTags(scope, owner(scope), props.Config.Tags)
	warn(scope, props.Config)
	return made, nil
}

// NewOutputs gives a stack the outputs by which the `sitefence` command finds what
// is there: `sitefence status --stack NAME`. The names are fixed, so a stack has
// them once.
func NewOutputs(scope constructs.Construct, of Sitefence) error {
	var names []string
	for _, d := range of.Deployments {
		names = append(names, d.Name)
	}
	if err := checkOutputNames(names); err != nil {
		return err
	}
	if err := claim(scope, "the outputs of Sitefence"); err != nil {
		return err
	}
	addOutputs(scope, of.Bus, of.Ingest, of.Notifications, of.Deployments)
	return nil
}
