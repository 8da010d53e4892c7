package simulation

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	client "github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/resync"
	"github.com/sitefence/sitefence/internal/wiring"
	"github.com/sitefence/sitefence/local/infinispan"
)

// Environment is what the functions take from outside, by name.
func Environment() map[string]string {
	return map[string]string{config.EnvGuardMachine: guardMachine, config.EnvFenceMachine: fenceMachine, config.EnvRestoreMachine: restoreMachine}
}

// The calls of Infinispan that only a restore makes and that change something.
const (
	bringOnline     = "POST bring-online"
	startPush       = "POST start-push-state"
	cancelPush      = "POST cancel-push-state"
	clearCache      = "POST clear"
	forgetTransfers = "POST clear-push-state-status"
)

// InfinispanCalls are the operations that the gate serves of a site's Infinispan.
var InfinispanCalls = []string{"GET container", "GET backup", "GET backups", "GET caches", "GET cache backups",
	"GET push-state-status", "GET size", takeOffline, bringOnline, startPush, cancelPush, clearCache, forgetTransfers}

var cachePath = regexp.MustCompile(`^/rest/v2/caches/[A-Za-z_]+(/x-site/backups|/x-site/local|)$`)

// infinispanCall is a request's operation, "" for one that nobody serves.
func infinispanCall(r *http.Request) string {
	path, action := r.URL.Path, r.URL.Query().Get("action")
	operation := ""
	switch part := cachePath.FindStringSubmatch(path); {
	case path == "/rest/v2/container":
		operation = "container"
	case path == "/rest/v2/container/x-site/backups":
		operation = "backups"
	case backupPath.MatchString(path):
		operation = "backup"
	case path == "/rest/v2/caches":
		operation = "caches"
	case part != nil && part[1] == "/x-site/backups" && action == "":
		operation = "cache backups"
	}
	if action != "" {
		operation = action
	}
	if operation = r.Method + " " + operation; slices.Contains(InfinispanCalls, operation) {
		return operation
	}
	return ""
}

// wireRestore builds the resync function as it builds itself.
func (w *World) wireRestore(function wiring.Function) (resync.Handler, error) {
	h, err := resync.New(function)
	clusters := map[contract.Site]*client.Client{}
	for site, cluster := range h.Clusters {
		clusters[site] = cluster.Through(siteGate{w, site})
	}
	h.Clusters = clusters
	return h, err
}

// Restore starts a restore of the site beside the survivor, by an operator who
// has stopped Keycloak there, under the next name that the command gives.
func (w *World) Restore(survivor, site contract.Site, phase contract.Phase) *Run {
	since := ""
	if fences, _ := w.list(fenceMachine, "", "", 1); len(fences) > 0 {
		since = fences[0].name
	}
	generation, _ := contract.ParseGeneration(since)
	event, _ := w.rejoinEvent(survivor, site)
	name := fmt.Sprintf("restore-%d-%d", max(0, generation), len(w.Restores())+1)
	return w.start(w.definitions.restore, restoreMachine, name,
		plain(contract.RestoreInput{Event: event, Phase: phase, Since: since, KeycloakStopped: true}))
}

// Restores are the executions of the restore machine, oldest first.
func (w *World) Restores() []*Run {
	return slices.DeleteFunc(slices.Clone(w.Runs), func(r *Run) bool { return !r.Restore })
}

// startGuardAs is StartExecution of the guard by the restore machine.
func (w *World) startGuardAs(name string, input any) (result any, problem string) {
	if slices.ContainsFunc(w.Runs, func(r *Run) bool { return r.ID == executionARN(guardMachine, name) }) {
		return nil, "StepFunctions.ExecutionAlreadyExistsException"
	}
	guard := w.start(w.definitions.guard, guardMachine, name, input)
	return map[string]any{"ExecutionArn": guard.ID}, ""
}

// Keep notes the survivor's data, which no restore may change from now on.
func (w *World) Keep(survivor contract.Site) { w.kept = w.Data(survivor) }

// Data is all that a site's caches hold.
func (w *World) Data(site contract.Site) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, cache := range Caches {
		all[cache] = w.Infinispan.Entries(string(site), cache)
	}
	return all
}

// Caches are those of the double.
var Caches = []string{"actionTokens", "sessions"}

// Healthy puts a healthy target behind a load balancer.
func (w *World) Healthy(arn string) { w.balancers.SetTargets(arn, "healthy") }

// judgeClear is called right before a cache is cleared.
func (w *World) judgeClear(c *Call) {
	if c.Target != string(c.By.input.Site) {
		w.violate("I9: %s, but %s is to be restored", c, c.By.input.Site)
	}
	if w.Present(c.By.input.Site) {
		w.violate("I9: %s, which is in the accelerator", c)
	}
	for _, other := range w.Config.Sites {
		if string(other.Name) != c.Target && w.Infinispan.Status(c.Target, string(other.Name)) != infinispan.Offline {
			w.violate("I9: %s, which replicates to %s", c, other.Name)
		}
	}
}

// judgeRestored is called after every call of a restore that changes something.
func (w *World) judgeRestored(c *Call) {
	if c.accelerates() {
		w.violate("I9: %s writes the accelerator", c)
	}
	now := w.Data(c.By.input.Reporter)
	for cache, entries := range w.kept {
		if !maps.Equal(entries, now[cache]) {
			w.violate("I9: after %s the survivor's cache %s holds %v, want %v", c, cache, now[cache], entries)
		}
	}
}
