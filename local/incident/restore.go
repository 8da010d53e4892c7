package incident

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// Heal starts the gossip router again and waits until every alert is over.
func (w *World) Heal(ctx context.Context) error {
	if err := w.Sites.HealLink(ctx); err != nil {
		return err
	}
	return w.explain(w.AwaitQuiet(ctx))
}

// Restore brings the lost site back as an operator does, in the order that is
// safe: its Keycloak is stopped (nobody writes there), the restore machine makes
// its data equal to the survivor's, Keycloak is started, no alert is left, and
// only then its endpoints return, as the fence recorded them.
func (w *World) Restore(ctx context.Context, fence Fence) error {
	return w.RestoreBy(ctx, fence, w.sync, w.rejoin)
}

// RestoreBy is Restore with the machine's two phases started in another way, as
// by the operator's command.
func (w *World) RestoreBy(ctx context.Context, fence Fence, sync, rejoin func(context.Context, Fence) error) error {
	if err := w.AwaitQuiet(ctx); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	w.writers[fence.Lost].stop()
	if err := sync(ctx, fence); err != nil {
		return err
	}
	for _, site := range w.Deployment.Sites {
		if err := w.checkReplication(ctx, site, infinispan.Online); err != nil {
			return err
		}
	}
	w.writers[fence.Lost] = startWriter(w.Sites, fence.Lost)
	if err := w.AwaitQuiet(ctx); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	return rejoin(ctx, fence)
}

// sync runs the restore machine and wants it to end with equal data.
func (w *World) sync(ctx context.Context, fence Fence) error {
	_, err := w.restore(ctx, fence, contract.PhaseSync, "InSync")
	return err
}

// restore runs one phase of the restore machine to its end.
func (w *World) restore(ctx context.Context, fence Fence, phase contract.Phase, want string) (stack.Execution, error) {
	arn, err := w.Deployment.StartRestore(ctx, phase, fence.Survivor, fence.Lost, fence.Execution.Name, fence.Record)
	if err != nil {
		return stack.Execution{}, err
	}
	return w.ended(ctx, arn, want)
}

func (w *World) ended(ctx context.Context, arn, want string) (stack.Execution, error) {
	e, err := w.stack.Wait(ctx, arn)
	if err == nil && e.Outcome() != want {
		err = fmt.Errorf("%s ended %s, want %s: %s %s", e.Name, e.Outcome(), want, e.Output, e.Cause)
	}
	return e, err
}

// rejoin puts the lost site back through the guard, in its turn.
func (w *World) rejoin(ctx context.Context, fence Fence) error {
	e, err := w.restore(ctx, fence, contract.PhaseRejoin, "RejoinStarted")
	if err != nil {
		return err
	}
	var started struct{ Guard, Fence string }
	if err := json.Unmarshal([]byte(e.Output), &started); err != nil {
		return fmt.Errorf("reading the output of %s: %w", e.Name, err)
	}
	if e, err = w.ended(ctx, started.Guard, "FenceStarted"); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(e.Output), &started); err != nil {
		return fmt.Errorf("reading the output of %s: %w", e.Name, err)
	}
	_, err = w.ended(ctx, started.Fence, "Rejoined")
	return err
}
