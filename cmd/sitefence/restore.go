package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/restoring"
)

const restoreLong = `Bring a fenced site back, in the only order that is safe:

  1. Keycloak at the site is stopped (you say so), and the sites see each other.
  2. Its caches are emptied and filled from the survivor; replication is online in
     both directions, proven by reading. Usually under a minute.
  3. You start Keycloak there.
  4. It goes back into the accelerator as the fence recorded it, in a turn of its
     own, never beside a fence. Usually two to five minutes.

The restore and the guard machine do it; this command starts them and follows.
Ctrl-C stops following, nothing else. Whatever is unsafe is refused with what to do.`

const restoreExample = `  # From the beginning, with questions.
  sitefence restore --site site-b

  # In steps, from a script.
  sitefence restore --site site-b --keycloak-stopped
  sitefence restore --site site-b --continue restore-12-1

  # Where is it, and what does it wait for? Stop it, and go back to the survivor alone.
  sitefence restore --status
  sitefence restore --abort

  # The fence's record has expired: say what goes back (group, balancer, weight,
  # client IP preservation).
  sitefence restore --site site-b --endpoint arn:aws:globalaccelerator::…,arn:aws:elasticloadbalancing:…,128,true`

type restoreFlags struct {
	target
	site, survivor, reason, by, record, resume string
	endpoints                                  []string
	stopped, status, abort                     bool
	resumed                                    bool // --continue was given
}

// newest stands for --continue without an execution.
const newest = "newest"

// restoreAnswer is what restore prints as JSON, in every mode.
type restoreAnswer struct {
	Deployment string              `json:"deployment"`
	Survivor   contract.Site       `json:"survivor,omitempty"`
	Site       contract.Site       `json:"site,omitempty"`
	Execution  string              `json:"execution,omitempty"` // the newest restore execution's name
	Phase      contract.Phase      `json:"phase,omitempty"`
	State      string              `json:"state,omitempty"` // the state it is in, while it runs
	Outcome    history.Kind        `json:"outcome,omitempty"`
	Next       string              `json:"next,omitempty"` // what to do now
	Findings   []contract.Finding  `json:"findings,omitempty"`
	Push       *contract.Push      `json:"push,omitempty"`
	Links      []contract.Link     `json:"links,omitempty"`
	Endpoints  []contract.Endpoint `json:"endpoints,omitempty"`
	Guard      string              `json:"guard,omitempty"`
	Fence      string              `json:"fence,omitempty"`
	Error      string              `json:"error,omitempty"`
	Cause      string              `json:"cause,omitempty"`
	Seconds    float64             `json:"seconds,omitempty"`
}

func newRestore() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use: "restore (--site SITE [--continue[=EXECUTION]] | --status | --abort)", Short: "Bring a fenced site back.",
		Long: restoreLong, Example: restoreExample,
		// A flag with an optional value takes it behind "=" only; people type a space.
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && f.resume == newest {
				f.resume = args[0]
				return nil
			}
			return cobra.NoArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.resumed = cmd.Flags().Changed("continue")
			if err := f.check(); err != nil {
				return err
			}
			return f.run(cmd)
		},
	}
	f.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.site, "site", "", "The site to bring back.")
	flags.StringVar(&f.survivor, "survivor", "", "The site that serves (default: the one that the fence's record names).")
	flags.BoolVar(&f.stopped, "keycloak-stopped", false, "Keycloak at the site is stopped: nothing writes there.")
	flags.StringVar(&f.record, "record", "", "Put back what this fence recorded, such as fence-12 (default: all that was removed since the site was last put back).")
	flags.StringArrayVar(&f.endpoints, "endpoint", nil, "Put this back instead: group-arn,balancer-arn,weight,true|false. Once for each endpoint.")
	flags.StringVar(&f.reason, "reason", "", "Why, for the record.")
	flags.StringVar(&f.by, "by", "", "Who restores (default: your name at AWS, or $USER).")
	flags.StringVar(&f.resume, "continue", "", "Keycloak is started: put the site back, after this restore execution (default: the newest).")
	flags.Lookup("continue").NoOptDefVal = newest
	flags.BoolVar(&f.status, "status", false, "Show the newest restore and what it waits for.")
	flags.BoolVar(&f.abort, "abort", false, "Stop the restore, and the survivor's replication to the site with it.")
	completeSiteFlags(cmd, "site", "survivor")
	return cmd
}

// check refuses flags that contradict each other, or would be ignored.
func (f *restoreFlags) check() error {
	modes := 0
	for _, on := range []bool{f.status, f.abort, f.resumed} {
		if on {
			modes++
		}
	}
	switch {
	case modes > 1:
		return usagef("--status, --abort and --continue: want one of them")
	case modes > 0 && (f.record != "" || len(f.endpoints) > 0 || f.survivor != "" || f.stopped):
		return usagef("--record, --endpoint, --survivor and --keycloak-stopped: want them at the beginning of a restore only")
	case modes == 0 && f.site == "":
		return usagef("--site: got nothing, want the site to bring back")
	case f.record != "" && len(f.endpoints) > 0:
		return usagef("--record: want it or --endpoint")
	case len(f.reason) > contract.MaxOrder:
		return usagef("--reason: got %d bytes, want at most %d", len(f.reason), contract.MaxOrder)
	}
	return nil
}

// scene is what there is of fences and restores.
type scene struct {
	fences, restores []restoring.Run
}

func (o opened) scene(ctx context.Context) (s scene, err error) {
	if o.deployment.Restore == "" {
		return scene{}, lacks(o.deployment.Name, "restore machine")
	}
	all, err := restoring.List(ctx, o.states, o.deployment.Fence)
	if err != nil {
		return scene{}, err
	}
	s.fences = restoring.Fences(all)
	if all, err = restoring.List(ctx, o.states, o.deployment.Restore); err != nil {
		return scene{}, err
	}
	s.restores = restoring.Attempts(all)
	return s, nil
}

func (f *restoreFlags) run(cmd *cobra.Command) error {
	o, err := f.operate(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	s, err := o.scene(ctx)
	if err != nil {
		return err
	}
	r := &restore{opened: o, asker: newAsker(cmd), scene: s, began: time.Now(), answer: restoreAnswer{Deployment: o.deployment.Name}}
	switch {
	case f.status:
		err = r.status(ctx)
	case f.abort:
		err = r.abort(ctx)
	case f.resumed:
		err = r.goOn(ctx, f)
	default:
		err = r.fromTheStart(ctx, f)
	}
	if o.screen.JSON && r.answer.Execution != "" {
		r.answer.Seconds = time.Since(r.began).Seconds()
		err = errors.Join(o.screen.Encode(r.answer), err)
	}
	return err
}
