// Package pause reads a deployment's switch: the parameter in which an operator
// says that no fence is to be begun, and until when. Reading it takes two
// seconds at most, and whoever cannot read it is told so: it is not paused then.
package pause

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// Timeout bounds the read: a switch that cannot be read must not hold up a fence.
const Timeout = 2 * time.Second

// Parameters is the part of the Systems Manager API that Read needs. The client
// behind it must not retry by itself; the next check reads again.
type Parameters interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
}

// Reader reads one deployment's parameter. It is safe for concurrent use.
type Reader struct {
	Parameters Parameters
	Name       string // of the parameter
}

// FromEnvironment reads the parameter that the function's environment names. It is
// false where none is named: then nothing can be paused, which stops no fence.
func FromEnvironment(cfg aws.Config) (Reader, bool) {
	name := os.Getenv(config.EnvPauseParameter)
	client := ssm.NewFromConfig(cfg, func(o *ssm.Options) { o.Retryer = aws.NopRetryer{} })
	return Reader{Parameters: client, Name: name}, name != ""
}

// Read returns the pause that holds now, or nil. An error says that the switch
// is broken: missing, unreadable or malformed.
func (r Reader) Read(ctx context.Context, now time.Time) (*contract.Pause, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	out, err := r.Parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: &r.Name})
	if err != nil {
		return nil, awserr.Sort(err, "reading the pause parameter "+r.Name)
	}
	if out == nil || out.Parameter == nil || out.Parameter.Value == nil {
		return nil, fmt.Errorf("reading the pause parameter %s: the answer has no value", r.Name)
	}
	return contract.ParsePause(aws.ToString(out.Parameter.Value), now)
}
