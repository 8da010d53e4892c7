package stack

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
)

// attempts numbers the restores of this process: a name is taken for good.
var attempts atomic.Int64

// StartRestore starts the restore machine as `sitefence restore` does: for a site
// that lost to the survivor, since the fence of that name, with the endpoints that
// its record holds. The operator says that Keycloak there is stopped.
func (d *Deployment) StartRestore(ctx context.Context, phase contract.Phase, survivor, lost, since string, endpoints []contract.Endpoint) (string, error) {
	generation, ok := contract.ParseGeneration(since)
	if !ok {
		return "", fmt.Errorf("restoring %s: %q is no fence", lost, since)
	}
	in := contract.RestoreInput{Event: d.Event(survivor, lost), Phase: phase, Since: since, KeycloakStopped: true}
	in.Operation, in.Endpoints, in.ReceivedAt = contract.OperationRejoin, endpoints, time.Now().UTC()
	in.Order = &contract.Order{By: "local", Reason: "the site is well again"}
	name := strings.Join([]string{"restore", strconv.Itoa(int(generation)), strconv.FormatInt(attempts.Add(1), 10)}, "-")
	return d.stack.StartExecution(ctx, d.Restore, name, in)
}
