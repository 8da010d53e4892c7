package checkhealth

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/metric"
)

// Pauses reads the deployment's pause: nil when there is none.
type Pauses interface {
	Read(ctx context.Context, now time.Time) (*contract.Pause, error)
}

// paused is the pause that holds now. A broken switch is none: it must not
// prevent a fence, but somebody must be told.
func (h Handler) paused(ctx context.Context, now time.Time) *contract.Pause {
	if h.Pauses == nil {
		return nil
	}
	pause, err := h.Pauses.Read(ctx, now)
	if err != nil {
		metric.CountError(ctx, h.Log.With("deployment", h.Deployment.Name, "error", err), lambdacontext.FunctionName, metric.BrokenPauses,
			"the pause parameter is broken, so nothing is paused; run sitefence resume, or set its value to {}")
		return nil
	}
	return pause
}
