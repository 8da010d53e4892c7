package wiring

import (
	"fmt"
	"os"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/target"
)

// Machines are the ARNs of a deployment's state machines.
type Machines struct{ Guard, Fence, Restore string }

// Machines reads the ARNs from the environment.
func (f Function) Machines() (Machines, error) {
	var m Machines
	for name, into := range map[string]*string{
		config.EnvGuardMachine: &m.Guard, config.EnvFenceMachine: &m.Fence, config.EnvRestoreMachine: &m.Restore,
	} {
		if *into = os.Getenv(name); *into == "" {
			return Machines{}, fmt.Errorf("environment variable %s: got nothing, want the machine's ARN", name)
		}
	}
	return m, nil
}

// Targets reads load balancers' targets; the SDK retries its reads.
func (f Function) Targets() target.Client { return elb.NewFromConfig(f.aws) }
