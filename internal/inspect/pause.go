package inspect

import (
	"context"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/wiring"
)

// envPause names the parameter that holds a deployment's pause.
const envPause = "SITEFENCE_PAUSE_PARAMETER"

// parameter reads the pause from Parameter Store.
type parameter struct {
	client *ssm.Client
	name   string
}

// pausesFrom is nil when the function was not told of a parameter.
func pausesFrom(function wiring.Function) Pauses {
	name := os.Getenv(envPause)
	if name == "" {
		return nil
	}
	return parameter{function.Parameters(), name}
}

// Read implements Pauses.
func (p parameter) Read(ctx context.Context) (*contract.Pause, error) {
	out, err := p.client.GetParameter(ctx, &ssm.GetParameterInput{Name: &p.name})
	if err != nil {
		return nil, awserr.Sort(err, "reading the pause parameter")
	}
	if out.Parameter == nil {
		return nil, contract.TransientF(contract.Unavailable, "reading the pause parameter: the answer has none")
	}
	pause, err := contract.ParsePause(aws.ToString(out.Parameter.Value), time.Now())
	if err != nil {
		return nil, contract.MisconfiguredF(contract.BadInput, "%v", err)
	}
	return pause, nil
}
