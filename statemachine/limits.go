package statemachine

import (
	"cmp"
	"strconv"
	"time"

	"github.com/sitefence/sitefence/internal/config"
)

// deployPause is what the fence waits between two looks at an accelerator that
// deploys.
const deployPause = 15 * time.Second

// GuardNames are what is substituted in Guard beside the names of resources, for
// everybody who runs it: the deployed stack, the simulation, the tests. A limit
// that is zero has its default.
func GuardNames(deployment string, l config.GuardLimits) map[string]string {
	or := config.DefaultGuardLimits
	return map[string]string{
		"Deployment":      deployment,
		"Rechecks":        strconv.Itoa(cmp.Or(l.Rechecks, or.Rechecks)),
		"RecheckSeconds":  seconds(cmp.Or(l.RecheckWait, or.RecheckWait)),
		"AlertAgeSeconds": seconds(cmp.Or(l.AlertAge, or.AlertAge)),
		"TurnSeconds":     seconds(cmp.Or(l.GiveUpAfter, or.GiveUpAfter)),
	}
}

// FenceNames are those of Fence.
func FenceNames(deployment string, l config.FenceLimits) map[string]string {
	or := config.DefaultFenceLimits
	deploy := cmp.Or(l.DeployWait, or.DeployWait)
	return map[string]string{
		"Deployment":      deployment,
		"Rechecks":        strconv.Itoa(cmp.Or(l.Rechecks, or.Rechecks)),
		"RecheckSeconds":  seconds(cmp.Or(l.RecheckWait, or.RecheckWait)),
		"HalfwayRechecks": strconv.Itoa(cmp.Or(l.HalfwayRechecks, or.HalfwayRechecks)),
		"UpdateTries":     strconv.Itoa(cmp.Or(l.UpdateTries, or.UpdateTries)),
		"DeployRechecks":  strconv.Itoa(int((deploy + deployPause - 1) / deployPause)),
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
