// Package links proves that a site and those that serve replicate to each other,
// before and while it rejoins them (invariant I8): they see each other, and
// replication is online in both directions. It only reads, and believes only
// what every site itself says.
package links

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
)

// Cluster is the part of a site's Infinispan that is read.
type Cluster interface {
	Sees(context.Context) ([]contract.Site, error)
	Backup(context.Context, contract.Site) (infinispan.Status, error)
}

// Link is one direction between two sites. Its troubles, when set, say why Sees
// or Backup means nothing; they are of the contract's types.
type Link struct {
	contract.Link
	SeesTrouble, BackupTrouble error
}

// Read asks every site that has an Infinispan about the returning one, and the
// returning one about each of them, all side by side. Which of them matter is
// for Judge to say, since only those in the accelerator do.
func Read(ctx context.Context, clusters map[contract.Site]Cluster, d config.Deployment, returning contract.Site) []Link {
	var links []Link
	home, ok := clusters[returning]
	for _, s := range d.Sites {
		if clusters[s.Name] != nil && s.Name != returning && ok {
			links = append(links, Link{Link: contract.Link{From: s.Name, To: returning}}, Link{Link: contract.Link{From: returning, To: s.Name}})
		}
	}
	var group errgroup.Group
	for i := range links {
		l := &links[i]
		group.Go(func() error {
			status, err := clusters[l.From].Backup(ctx, l.To)
			l.Backup, l.BackupTrouble = string(status), err
			return nil
		})
		if l.From == returning {
			continue // one look of it serves for all
		}
		group.Go(func() error {
			view, err := clusters[l.From].Sees(ctx)
			l.Sees, l.SeesTrouble = slices.Contains(view, l.To), err
			return nil
		})
	}
	var view []contract.Site
	var trouble error
	if len(links) > 0 {
		group.Go(func() error { view, trouble = home.Sees(ctx); return nil })
	}
	_ = group.Wait()
	for i := range links {
		if l := &links[i]; l.From == returning {
			l.Sees, l.SeesTrouble = slices.Contains(view, l.To), trouble
		}
	}
	return links
}

// Judge says whether the returning site is in sync with every site that it would
// serve beside: the reporter, and whoever else is in the accelerator. It answers
// InSync, NotSeen or NotReplicating; or an error of the contract's types for
// what could not be read. That one site does not see the other is believed
// whatever else could not be read: in a real split the far site may answer nobody.
//
// A pair without Infinispan has nothing to ask. One of which only a single site
// has it cannot be proven: it is Misconfigured, since only a human can know what
// replicates there.
func Judge(links []Link, d config.Deployment, state accelerator.State, reporter, returning contract.Site) (contract.Reason, error) {
	if err := provable(d, state, reporter, returning); err != nil {
		return "", err
	}
	links = relevant(links, state, reporter, returning)
	unseen := slices.ContainsFunc(links, func(l Link) bool { return l.SeesTrouble == nil && !l.Sees })
	var trouble error
	online := true
	for _, l := range links {
		trouble = errors.Join(trouble, l.SeesTrouble, l.BackupTrouble)
		online = online && l.BackupTrouble == nil && l.Backup == string(infinispan.Online)
	}
	_, wrong := errors.AsType[*contract.Misconfigured](trouble)
	switch {
	case wrong:
		return "", trouble
	case unseen:
		return contract.NotSeen, nil
	case trouble != nil:
		return "", trouble
	case !online:
		return contract.NotReplicating, nil
	default:
		return contract.InSync, nil
	}
}

// provable refuses what cannot be proven.
func provable(d config.Deployment, state accelerator.State, reporter, returning contract.Site) error {
	home, _ := d.Find(returning)
	for _, s := range d.Sites {
		beside := s.Name == reporter || s.Infinispan != nil && s.Name != returning && state.Present(s.Name)
		if beside && (s.Infinispan == nil) != (home.Infinispan == nil) {
			with, without := s.Name, returning
			if s.Infinispan == nil {
				with, without = returning, s.Name
			}
			return contract.MisconfiguredF(contract.NotReplicating,
				"%s has an Infinispan in the configuration and %s has none, so nobody can prove that they replicate to each other; "+
					"configure both or none and deploy, or put the endpoints back by hand", with, without)
		}
	}
	return nil
}

// relevant are the links with a site that the returning one would serve beside.
func relevant(links []Link, state accelerator.State, reporter, returning contract.Site) []Link {
	return slices.DeleteFunc(slices.Clone(links), func(l Link) bool {
		other := l.From
		if other == returning {
			other = l.To
		}
		return other != reporter && !state.Present(other)
	})
}

// Evidence is what was read, for the log, and why the rest could not be.
func Evidence(links []Link) (evidence []contract.Link, trouble string) {
	var all error
	for _, l := range links {
		evidence = append(evidence, l.Link)
		all = errors.Join(all, l.SeesTrouble, l.BackupTrouble)
	}
	if all != nil {
		trouble = all.Error()
	}
	return evidence, trouble
}
