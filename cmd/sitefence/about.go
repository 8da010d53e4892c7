package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/inspected"
)

// about is which sites a command is about, and where their names are known from.
type about struct {
	config, user   string
	reporter, site string
}

func (a *about) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&a.config, "config", "", "The configuration that was deployed (default sitefence.yaml, if it is there).")
	flags.StringVar(&a.reporter, "reporter", "", "The site that goes on.")
	flags.StringVar(&a.site, "site", "", "The other site.")
	completeSiteFlags(cmd, "reporter", "site")
}

// completeSiteFlags lets the shell complete sites.
func completeSiteFlags(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.RegisterFlagCompletionFunc(name, completeSites); err != nil {
			panic(err) // the caller defines the flag
		}
	}
}

// facts are what no output of the stack says.
type facts struct {
	accelerator string // a DNS name that ingest knows
	user        string // of the webhook; "" if unknown
	sites       []contract.Site
}

const defaultConfig = "sitefence.yaml"

// find reads the configuration, or asks the Inspect function where there is none.
func (a *about) find(ctx context.Context, o opened) (facts, error) {
	path := a.config
	if path == "" {
		path = o.config
	}
	explicit := path != ""
	if !explicit {
		path = defaultConfig
	}
	var f facts
	c, err := config.Load(path)
	switch {
	case err == nil:
		if f, err = ofConfig(c, o.deployment.Name); err != nil {
			return facts{}, fmt.Errorf("%s: %w", path, err)
		}
	case explicit || !errors.Is(err, os.ErrNotExist):
		return facts{}, err
	default:
		i, err := o.inspect(ctx)
		if err != nil {
			return facts{}, fmt.Errorf("there is no %s here (--config), and %w", defaultConfig, err)
		}
		f = ofInspection(i)
	}
	if a.user != "" {
		f.user = a.user
	}
	if f.accelerator == "" {
		return facts{}, errors.New("the accelerator's name is unknown: give the configuration that was deployed by --config")
	}
	return f, nil
}

func ofConfig(c config.Config, deployment string) (facts, error) {
	i := slices.IndexFunc(c.Deployments, func(d config.Deployment) bool { return d.Name == deployment })
	if i < 0 {
		return facts{}, fmt.Errorf("it has no deployment %s: is it the one that was deployed?", deployment)
	}
	d := c.Deployments[i]
	f := facts{accelerator: d.Accelerator.DNSNames[0], user: c.Webhook.User}
	for _, s := range d.Sites {
		f.sites = append(f.sites, s.Name)
	}
	return f, nil
}

func ofInspection(i contract.Inspection) (f facts) {
	f.user = i.WebhookUser
	if len(i.Accelerator.DNSNames) > 0 {
		f.accelerator = i.Accelerator.DNSNames[0]
	}
	for _, s := range i.Sites {
		f.sites = append(f.sites, s.Name)
	}
	return f
}

// inspect asks what there is now.
func (o opened) inspect(ctx context.Context) (contract.Inspection, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, errors.New("the Inspect function did not answer within a minute"))
	defer cancel()
	i, err := inspected.Ask(ctx, lambda.NewFromConfig(o.aws), o.deployment.Inspect, o.deployment.Name)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return i, err
}

// pair completes and checks which site goes on and which is the other. Of two
// sites one names both; of more both must be named.
func (f facts) pair(reporter, site string) (contract.Site, contract.Site, error) {
	r, s := contract.Site(reporter), contract.Site(site)
	// What was typed wrong is told, not what would follow from it.
	if s != "" && !slices.Contains(f.sites, s) {
		return "", "", usagef("--site: got %.60q, want one of %s", s, list(f.sites))
	}
	other := func(of contract.Site) contract.Site {
		if len(f.sites) != 2 || !slices.Contains(f.sites, of) {
			return ""
		}
		return f.sites[(slices.Index(f.sites, of)+1)%2]
	}
	switch {
	case r == "" && s == "" && len(f.sites) == 2:
		return "", "", usagef("--site: got nothing, want one of %s", list(f.sites))
	case r == "":
		r = other(s)
	case s == "":
		s = other(r)
	}
	for _, given := range []struct {
		flag string
		name contract.Site
	}{{"--reporter", r}, {"--site", s}} {
		if !slices.Contains(f.sites, given.name) {
			return "", "", usagef("%s: got %.60q, want one of %s", given.flag, given.name, list(f.sites))
		}
	}
	if r == s {
		return "", "", usagef("--site: got %.60q, want another site than the reporter", s)
	}
	return r, s, nil
}

// completeSites offers the sites of the configuration in the working directory.
func completeSites(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	path := ""
	if f := cmd.Flags().Lookup("config"); f != nil {
		path = f.Value.String()
	}
	if path == "" {
		path = defaultConfig
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	deployment, _ := cmd.Flags().GetString("deployment")
	var names []string
	for _, d := range c.Deployments {
		for _, s := range d.Sites {
			if (deployment == "" || deployment == d.Name) && !slices.Contains(names, string(s.Name)) {
				names = append(names, string(s.Name))
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
