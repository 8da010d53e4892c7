package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sitefence/sitefence/internal/contract"
)

// FunctionFile is the name of the configuration beside each function's binary.
// (4 KB of environment would not hold a CA bundle.)
const FunctionFile = "config.json"

// The environment variables that only a deployment can know.
//
//nolint:gosec // names, not credentials
const (
	EnvBus            = "SITEFENCE_BUS"                 // event bus name: ingest, inspect
	EnvWebhookSecret  = "SITEFENCE_WEBHOOK_SECRET"      // secret ARN or name: ingest
	EnvFenceMachine   = "SITEFENCE_FENCE_MACHINE_ARN"   // updateaccelerator, takeoffline, resync, inspect
	EnvGuardMachine   = "SITEFENCE_GUARD_MACHINE_ARN"   // resync
	EnvRestoreMachine = "SITEFENCE_RESTORE_MACHINE_ARN" // resync, inspect
	EnvPauseParameter = "SITEFENCE_PAUSE_PARAMETER"     // SSM parameter's name: checkhealth, inspect
	EnvRules          = "SITEFENCE_RULES"               // names of rules on EnvBus, with commas: inspect
)

// IngestFile is what ingest needs of the configuration.
type IngestFile struct {
	User        string             `json:"user"`
	Deployments []IngestDeployment `json:"deployments"`
}

// IngestDeployment maps an alert's labels to a deployment.
type IngestDeployment struct {
	Name     string          `json:"name"`
	DNSNames []string        `json:"dnsNames"`
	Sites    []contract.Site `json:"sites"`
}

// Ingest is ingest's part of the configuration.
func (c Config) Ingest() IngestFile {
	f := IngestFile{User: c.Webhook.User}
	for _, d := range c.Deployments {
		part := IngestDeployment{Name: d.Name, DNSNames: d.Accelerator.DNSNames}
		for _, s := range d.Sites {
			part.Sites = append(part.Sites, s.Name)
		}
		f.Deployments = append(f.Deployments, part)
	}
	return f
}

// InspectFile is what the Inspect function needs: its deployment, and who may
// post alerts, which the doctor tries.
type InspectFile struct {
	Deployment
	WebhookUser string `json:"webhookUser"`
}

// Inspect is the Inspect function's part of the configuration.
func (c Config) Inspect(d Deployment) InspectFile { return InspectFile{d, c.Webhook.User} }

// LoadFunctionFile reads the configuration beside the running binary: an
// IngestFile for ingest, a Deployment for the others.
func LoadFunctionFile[T any]() (T, error) {
	var v T
	exe, err := os.Executable()
	if err != nil {
		return v, fmt.Errorf("finding the function's folder: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(filepath.Dir(exe), FunctionFile))
	if err != nil {
		return v, fmt.Errorf("reading the function's configuration: %w", err)
	}
	if v, err = decodeFile[T](data); err != nil {
		return v, fmt.Errorf("reading the function's configuration: %w", err)
	}
	return v, nil
}

// decodeFile names the field, or the line if it is no JSON.
func decodeFile[T any](data []byte) (T, error) {
	var v T
	err := json.Unmarshal(data, &v)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		err = fmt.Errorf("%w (line %d)", err, 1+bytes.Count(data[:e.Offset], []byte("\n")))
	}
	return v, err
}
