package main

import (
	"context"
	"errors"
	"slices"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/restoring"
)

// plan is what goes back, and who has it. stateless says that the survivor has no
// Infinispan, so that there is nothing to synchronise.
func (r *restore) plan(ctx context.Context, f *restoreFlags) (w restoring.Wish, stateless bool, err error) {
	site := contract.Site(f.site)
	w = restoring.Wish{Deployment: r.deployment.Name, Site: site, Survivor: contract.Site(f.survivor), KeycloakStopped: f.stopped}
	now, asked := r.inspect(ctx)
	if asked == nil {
		if err := fits(now, site); err != nil {
			return w, false, err
		}
	}
	var record restoring.Record
	switch {
	case len(f.endpoints) > 0:
		// What Step Functions has forgotten the operator knows; the rest AWS does.
		if asked != nil {
			return w, false, asked
		}
		if w.Endpoints, err = parseEndpoints(f.endpoints); err != nil {
			return w, false, err
		}
	case f.record != "":
		record, err = restoring.RecordOf(ctx, r.states, r.scene.fences, f.record, site)
	default:
		record, err = restoring.FindRecord(ctx, r.states, r.scene.fences, site)
	}
	if err != nil {
		return w, false, err
	}
	w.Accelerator = record.Accelerator
	if len(record.Endpoints) > 0 {
		w.Endpoints = record.Endpoints
		r.answer.Endpoints = w.Endpoints
		if err := r.say("On record: %s.", list(record.Fences)); err != nil {
			return w, false, err
		}
	}
	if asked == nil {
		known := ofInspection(now)
		if w.Accelerator == "" {
			w.Accelerator = known.accelerator
		}
		if w.Survivor == "" {
			w.Survivor = record.Survivor
		}
		if w.Survivor, _, err = known.pair(string(w.Survivor), f.site); err != nil {
			return w, false, err
		}
		i := slices.IndexFunc(now.Sites, func(s contract.SiteState) bool { return s.Name == w.Survivor })
		return w, now.Sites[i].Infinispan == nil, nil
	}
	// The restore machine looks for itself; a command that cannot is no reason to
	// leave a site out.
	if err := r.say("Note: what there is now could not be read (%v).", asked); err != nil {
		return w, false, err
	}
	if w.Survivor == "" {
		w.Survivor = record.Survivor
	}
	if w.Survivor == "" {
		return w, false, usagef("--survivor: want the site that serves")
	}
	return w, record.Backup == "none", nil
}

func parseEndpoints(texts []string) (all []contract.Endpoint, err error) {
	for _, text := range texts {
		e, err := restoring.ParseEndpoint(text)
		if err != nil {
			return nil, usagef("--endpoint: %w", err)
		}
		if slices.ContainsFunc(all, func(old contract.Endpoint) bool { return old.Group == e.Group && old.Endpoint == e.Endpoint }) {
			return nil, usagef("--endpoint: %s is there twice", e.Endpoint)
		}
		all = append(all, e)
	}
	return all, nil
}

// fits refuses what is plainly no case for a restore, before anybody is asked.
func fits(now contract.Inspection, site contract.Site) error {
	if now.Accelerator.Problem != nil {
		return nil // the machine will say so
	}
	i := slices.IndexFunc(now.Sites, func(s contract.SiteState) bool { return s.Name == site })
	switch {
	case i < 0:
		var names []contract.Site
		for _, s := range now.Sites {
			names = append(names, s.Name)
		}
		return usagef("--site: got %.60q, want one of %s", site, list(names))
	case now.Sites[i].Standing.InService > 0 && len(now.Sites[i].Endpoints) > 0 && now.Sites[i].Standing.InService == now.Accelerator.Listeners:
		return errors.New(string(site) + " is in service: it is not fenced, so there is nothing to restore")
	}
	return nil
}
