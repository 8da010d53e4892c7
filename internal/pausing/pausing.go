// Package pausing reads and writes the switch that pauses a deployment: one SSM
// parameter, which CheckHealth reads too. What it says was written has been read
// back. It never writes a pause without an end.
package pausing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
)

// Client are the calls of SSM that are needed.
type Client interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
	PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
}

// ErrBroken says that the parameter is there and holds no pause that CheckHealth
// would heed: nothing is paused. Writing it again mends it.
var ErrBroken = errors.New("the switch is broken, so nothing is paused")

// nothing is the value that pauses nothing.
const nothing = "{}"

// Switch is one deployment's.
type Switch struct {
	Client    Client
	Parameter string // its name
}

// Read returns the pause that holds at now, nil if none does. An error that wraps
// ErrBroken is about the value; any other about the reading.
func (s Switch) Read(ctx context.Context, now time.Time) (*contract.Pause, error) {
	out, err := s.Client.GetParameter(ctx, &ssm.GetParameterInput{Name: &s.Parameter})
	if awserr.Code(err) == "ParameterNotFound" {
		return nil, fmt.Errorf("%w: there is no parameter %s", ErrBroken, s.Parameter)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the parameter %s: %w", s.Parameter, err)
	}
	var value string
	if out.Parameter != nil {
		value = aws.ToString(out.Parameter.Value)
	}
	p, err := contract.ParsePause(value, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return p, nil
}

// Pause writes a pause and reads it back.
func (s Switch) Pause(ctx context.Context, p contract.Pause, now time.Time) error {
	if err := p.Validate(); err != nil {
		return err
	}
	value, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encoding the pause: %w", err)
	}
	if err := s.write(ctx, string(value)); err != nil {
		return err
	}
	got, err := s.Read(ctx, now)
	if err != nil {
		return fmt.Errorf("reading back what was written: %w", err)
	}
	if got == nil || got.Reason != p.Reason || got.By != p.By || !got.Until.Equal(p.Until) {
		return fmt.Errorf("the parameter %s holds something else than was written: somebody else wrote it meanwhile; look at it again", s.Parameter)
	}
	return nil
}

// Resume ends whatever pause there is and reads back that there is none.
func (s Switch) Resume(ctx context.Context, now time.Time) error {
	if err := s.write(ctx, nothing); err != nil {
		return err
	}
	got, err := s.Read(ctx, now)
	if err != nil {
		return fmt.Errorf("reading back what was written: %w", err)
	}
	if got != nil {
		return fmt.Errorf("the parameter %s holds a pause again, by %s: somebody else wrote it meanwhile; look at it again", s.Parameter, got.By)
	}
	return nil
}

func (s Switch) write(ctx context.Context, value string) error {
	_, err := s.Client.PutParameter(ctx, &ssm.PutParameterInput{
		Name: &s.Parameter, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("writing the parameter %s: %w", s.Parameter, err)
	}
	return nil
}
