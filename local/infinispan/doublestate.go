package infinispan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// state is what a site forgets when it restarts.
type state struct {
	entries map[string]map[string]string  // cache → key → value
	offline map[string]map[string]bool    // other site → cache
	push    map[string]map[string]pushing // other site → cache
}

type pushing string

// Values of a state push as the server names them; IDLE is the zero value.
const (
	pushSending  pushing = "SENDING"
	pushOK       pushing = "OK"
	pushCanceled pushing = "CANCELED"
)

func (d *Double) freshState() state {
	s := state{
		entries: map[string]map[string]string{},
		offline: map[string]map[string]bool{},
		push:    map[string]map[string]pushing{},
	}
	for _, cache := range d.opt.Caches {
		s.entries[cache] = map[string]string{}
	}
	for _, name := range d.opt.Sites {
		s.offline[name], s.push[name] = map[string]bool{}, map[string]pushing{}
	}
	return s
}

// sees says whether two running sites reach each other. The caller holds d.mu.
func (d *Double) sees(s *doubleSite, other string) bool {
	o := d.sites[other]
	return s.running && o.running && !d.cut[between(s.name, other)]
}

// view lists what a site sees, itself included. The caller holds d.mu.
func (d *Double) view(s *doubleSite) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.sites)), func(other string) bool { return other != s.name && !d.sees(s, other) })
}

// others lists the sites that one backs up to.
func (d *Double) others(s *doubleSite) []string {
	return slices.DeleteFunc(slices.Clone(d.opt.Sites), func(other string) bool { return other == s.name })
}

// write stores a value, nil for a removal, and backs it up. As on the server,
// the value stays at the site even when a backup fails. The caller holds d.mu.
func (d *Double) write(s *doubleSite, cache, key string, value *string) error {
	s.put(cache, key, value)
	var errs []error
	for _, other := range d.others(s) {
		switch {
		case s.offline[other][cache]:
		case d.sees(s, other):
			d.sites[other].put(cache, key, value)
		default:
			errs = append(errs, fmt.Errorf("%s: %s", other, suspected(other)))
		}
	}
	return errors.Join(errs...)
}

func (s *doubleSite) put(cache, key string, value *string) {
	if value == nil {
		delete(s.entries[cache], key)
	} else {
		s.entries[cache][key] = *value
	}
}

func suspected(other string) string {
	return fmt.Sprintf("ISPN000400: Node SiteAddress{name='%s'} was suspected", other)
}

// act does an action on one cache's backup and returns "ok" or the server's
// error text. The caller holds d.mu.
func (d *Double) act(s *doubleSite, kind Kind, cache, other string) string {
	if !slices.Contains(d.others(s), other) {
		switch kind {
		case StartPush:
			return fmt.Sprintf("Unable to pushState to '%s'. Incorrect site name: %[1]s", other)
		case CancelPush:
			return fmt.Sprintf("Unable to perform operation. Error=ISPN000617: Site '%s' not found.", other)
		default:
			return "Incorrect site name: " + other
		}
	}
	switch kind {
	case TakeOffline:
		s.offline[other][cache] = true
	case BringOnline:
		delete(s.offline[other], cache)
	case StartPush:
		// It brings the backup online before it finds out that it cannot.
		delete(s.offline[other], cache)
		if !d.sees(s, other) {
			s.push[other][cache] = pushSending
			return fmt.Sprintf("Unable to pushState to '%s'. %s", other, suspected(other))
		}
		s.push[other][cache] = pushSending
		if !d.held {
			d.transfer(s, cache, other)
		}
	case CancelPush:
		if s.push[other][cache] == pushSending {
			s.push[other][cache] = pushCanceled
		}
		if !d.sees(s, other) {
			return "Unable to perform operation. Error=org.infinispan.remoting.transport.jgroups.SuspectException: " + suspected(other)
		}
	}
	return "ok"
}
