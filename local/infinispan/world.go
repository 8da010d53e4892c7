// Package infinispan runs two Infinispan sites that back each other up, with
// a link between them that can be cut: once as real servers (StartReal), once
// as a double of their REST interface (NewDouble). Both are a World and go
// through the same contract test, so what is learnt on the double holds for a
// server. Everything listens on loopback only, over TLS, and Close leaves no
// process and no listener behind.
package infinispan

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Version is the Infinispan release that StartReal runs unless told otherwise.
const Version = "15.0.19.Final"

// Newer is the other release that tests run.
const Newer = "16.0.5"

// Values of World.BackupStatus. Online is administrative: it survives a cut
// link. Mixed means that the caches disagree.
const (
	Online  = "online"
	Offline = "offline"
	Mixed   = "mixed"
)

// Site is what a client needs to reach one site. It stays the same when the
// site is stopped and restarted.
type Site struct {
	Name string
	URL  string // https://127.0.0.1:port, no slash at the end
	CA   []byte // PEM; the site's certificate verifies against it for 127.0.0.1
	User, Password,
	// The limited user may read and write the caches but has no ADMIN: the
	// REST interface for cross-site replication answers it 403.
	LimitedUser, LimitedPassword string
}

// World is a set of sites that replicate every write to each other (SYNC,
// failure policy FAIL). Its methods are safe for concurrent use. An answer
// other than 2xx comes back as a *StatusError; a name that is no site of this
// world is an error.
type World interface {
	Sites() []Site
	// Site panics when name is not a site of this world.
	Site(name string) Site

	// CutLink returns once no site sees another, HealLink once all running
	// ones see each other. Repeating either does nothing.
	CutLink(context.Context) error
	HealLink(context.Context) error

	// StopSite ends a site; its data and its take-offline are gone. It returns
	// when the site no longer answers, which is before the others notice.
	StopSite(ctx context.Context, name string) error
	// KillSite is StopSite without a farewell to the other sites: a crash.
	KillSite(ctx context.Context, name string) error
	// RestartSite stops the site if it runs, starts it at the same URL, and
	// returns when it answers and, if the link is up, the sites see each other.
	RestartSite(ctx context.Context, name string) error

	// Write and Read use the cache `sessions`.
	Write(ctx context.Context, site, key, value string) error
	Read(ctx context.Context, site, key string) (string, error)

	// View lists the sites that the site sees, itself included, sorted.
	View(ctx context.Context, site string) ([]string, error)
	// BackupStatus is Online, Offline or Mixed.
	BackupStatus(ctx context.Context, site, other string) (string, error)

	// What an operator does. Each proves from the answer that every cache said
	// "ok"; PushState returns when the transfer is over.
	TakeOffline(ctx context.Context, site, other string) error
	BringOnline(ctx context.Context, site, other string) error
	PushState(ctx context.Context, site, other string) error

	// Close ends everything and may be called more than once.
	Close()
}

// Options of both kinds of world; the zero value is a good default. A world
// that is not real ignores all from Version on.
type Options struct {
	Sites  []string // default site-a, site-b; StartReal takes exactly two
	Caches []string // default sessions, actionTokens; `sessions` must be among them

	User, Password               string // an administrator; default admin
	LimitedUser, LimitedPassword string // without ADMIN; default viewer

	Version  string       // of Infinispan; default Version
	CacheDir string       // keeps the jars between runs; needed by StartReal
	WorkDir  string       // one folder per site, emptied at the start, with configuration, data and logs; default a temporary folder that Close removes
	Progress func(string) // is told of each slow step, from one goroutine at a time; may be nil
	// OneWay makes StartReal's world a Deafener.
	OneWay bool
}

const mainCache = "sessions"

// Names go into configuration files, paths and URLs, so they are kept to what
// needs no escaping in any of them.
var (
	nameRule    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)
	versionRule = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(\.[A-Za-z0-9]+)?$`)
	secretRule  = regexp.MustCompile(`^[ -~]{1,128}$`)
)

// complete fills in the defaults and names everything that is wrong.
func (o Options) complete(maxSites int) (Options, error) {
	if len(o.Sites) == 0 {
		o.Sites = []string{"site-a", "site-b"}
	}
	if len(o.Caches) == 0 {
		o.Caches = []string{mainCache, "actionTokens"}
	}
	for _, d := range []struct {
		value *string
		or    string
	}{
		{&o.User, "admin"}, {&o.Password, "admin-secret"},
		{&o.LimitedUser, "viewer"}, {&o.LimitedPassword, "viewer-secret"},
		{&o.Version, Version},
	} {
		if *d.value == "" {
			*d.value = d.or
		}
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return o, o.check(maxSites)
}

func (o Options) check(maxSites int) error {
	var errs []error
	if n := len(o.Sites); n < 2 || n > maxSites {
		errs = append(errs, fmt.Errorf("sites: want 2 to %d, got %d", maxSites, n))
	}
	for field, names := range map[string][]string{"sites": o.Sites, "caches": o.Caches} {
		for i, name := range names {
			if !nameRule.MatchString(name) {
				errs = append(errs, fmt.Errorf("%s[%d]: %q does not match %s", field, i, name, nameRule))
			}
			if slices.Index(names, name) != i {
				errs = append(errs, fmt.Errorf("%s[%d]: %q is there twice", field, i, name))
			}
		}
	}
	if !slices.Contains(o.Caches, mainCache) {
		errs = append(errs, fmt.Errorf("caches: %q must be among them", mainCache))
	}
	if !nameRule.MatchString(o.User) || !nameRule.MatchString(o.LimitedUser) {
		errs = append(errs, fmt.Errorf("user and limited user: want names that match %s", nameRule))
	}
	if o.User == o.LimitedUser {
		errs = append(errs, errors.New("limited user: must differ from user"))
	}
	if !secretRule.MatchString(o.Password) || !secretRule.MatchString(o.LimitedPassword) {
		errs = append(errs, errors.New("passwords: want 1 to 128 printable ASCII characters"))
	}
	if !versionRule.MatchString(o.Version) {
		errs = append(errs, fmt.Errorf("version: %q is not like %s", o.Version, Version))
	}
	return errors.Join(errs...)
}

// poll calls check every step until it returns nil. When ctx ends first, the
// error holds the last one of check.
func poll(ctx context.Context, step time.Duration, check func() error) error {
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", context.Cause(ctx), err)
		case <-time.After(step):
		}
	}
}
