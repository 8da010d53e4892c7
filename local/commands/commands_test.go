package commands_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sitefence/sitefence/local/stack"
)

// What a script can do to the world, beside testscript's own commands:
//
//	link cut|heal                           between the sites of keycloak
//	site stop|start NAME                    the Infinispan of keycloak's site
//	write SITE KEY VALUE, read SITE KEY VALUE    through Infinispan; read asserts the value
//	alert [-deployment NAME] REPORTER SITE  posts a webhook and waits for the end of its guard
//	                                        and fence: $GUARD and $FENCE are their names, $OUTCOME the last one's
//	outcome NAME                            asserts how the last alert ended
//	serving [-deployment NAME] SITE…        asserts that the accelerator holds exactly these sites
//	replication FROM TO STATUS              asserts the status of a backup
//	world reset                             makes everything good again
//
// A failing `! write` and `! read` is what a cut link is about.

func patiently() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

func usage(ts *testscript.TestScript, wrong bool, text string) {
	if wrong {
		ts.Fatalf("usage: %s", text)
	}
}

func link(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 1 || args[0] != "cut" && args[0] != "heal", "link cut|heal")
	ctx, cancel := patiently()
	defer cancel()
	if args[0] == "cut" {
		ts.Check(double.CutLink(ctx))
		return
	}
	ts.Check(double.HealLink(ctx))
}

func site(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2 || args[0] != "stop" && args[0] != "start", "site stop|start NAME")
	ctx, cancel := patiently()
	defer cancel()
	if args[0] == "stop" {
		ts.Check(double.StopSite(ctx, args[1]))
		return
	}
	ts.Check(double.RestartSite(ctx, args[1]))
}

func world(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 1 || args[0] != "reset", "world reset")
	ctx, cancel := patiently()
	defer cancel()
	ts.Check(reset(ctx))
}

func write(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) != 3, "[!] write SITE KEY VALUE")
	ctx, cancel := patiently()
	defer cancel()
	if err := double.Write(ctx, args[0], args[1], args[2]); (err != nil) != neg {
		ts.Fatalf("writing at %s: %v", args[0], err)
	}
}

func read(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) != 3, "[!] read SITE KEY VALUE")
	ctx, cancel := patiently()
	defer cancel()
	got, err := double.Read(ctx, args[0], args[1])
	if (err == nil && got == args[2]) == neg {
		ts.Fatalf("%s at %s: %q, %v", args[1], args[0], got, err)
	}
}

func replication(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) != 3, "[!] replication FROM TO STATUS")
	if got := double.Status(args[0], args[1]); (got == args[2]) == neg {
		ts.Fatalf("replication from %s to %s is %s", args[0], args[1], got)
	}
}

// choose takes `-deployment NAME` off the arguments; keycloak without.
func choose(args []string) (*stack.Deployment, []string) {
	if len(args) > 1 && args[0] == "-deployment" {
		return deployed.Deployment(args[1]), args[2:]
	}
	return deployed.Deployment("keycloak"), args
}

func serving(ts *testscript.TestScript, neg bool, args []string) {
	d, want := choose(args)
	slices.Sort(want)
	if got := present(d); slices.Equal(got, want) == neg {
		ts.Fatalf("the accelerator of %s holds %v", d.Name, got)
	}
}

var fingerprints atomic.Int64

func alert(ts *testscript.TestScript, neg bool, args []string) {
	d, args := choose(args)
	usage(ts, neg || len(args) != 2, "alert [-deployment NAME] REPORTER SITE")
	ctx, cancel := patiently()
	defer cancel()
	before, err := deployed.Executions(ctx, d.Guard)
	ts.Check(err)
	ts.Check(post(ctx, d, args[0], args[1]))
	guard, err := started(ctx, d.Guard, before)
	ts.Check(err)
	last := guard
	ts.Setenv("GUARD", guard.Name)
	ts.Setenv("FENCE", "")
	var out struct{ Fence string }
	if json.Unmarshal([]byte(guard.Output), &out) == nil && out.Fence != "" {
		last, err = deployed.Wait(ctx, out.Fence)
		ts.Check(err)
		ts.Setenv("FENCE", path.Base(strings.ReplaceAll(out.Fence, ":", "/")))
	}
	ts.Setenv("OUTCOME", last.Outcome())
	ts.Logf("[%s %s: %s %s %s]", guard.Name, ts.Getenv("FENCE"), last.Outcome(), last.Reason(), last.Cause)
}

func outcome(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) != 1, "[!] outcome NAME")
	if got := ts.Getenv("OUTCOME"); (got == args[0]) == neg {
		ts.Fatalf("the alert ended %s", got)
	}
}

// post posts a webhook with one alert, as Alertmanager writes it.
func post(ctx context.Context, d *stack.Deployment, reporter, site string) error {
	now := time.Now().UTC()
	body, err := json.Marshal(map[string]any{
		"version": "4", "groupKey": `{}:{accelerator="x"}`, "truncatedAlerts": 0, "status": "firing", "receiver": "sitefence",
		"groupLabels": map[string]string{}, "commonLabels": map[string]string{}, "commonAnnotations": map[string]string{},
		"externalURL": "http://alertmanager", "alerts": []map[string]any{{
			"status": "firing", "startsAt": now, "endsAt": time.Time{}, "annotations": map[string]string{},
			"generatorURL": "http://prometheus", "fingerprint": fmt.Sprintf("%016x", fingerprints.Add(1)),
			"labels": map[string]string{"alertname": "SiteOffline", "accelerator": d.Accelerator.DNSName, "reporter": reporter, "site": site},
		}},
	})
	if err != nil {
		return err
	}
	url, err := deployed.IngestURL()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(stack.WebhookUser, stack.WebhookPassword)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("ingest answered %s, want 204", resp.Status)
	}
	return nil
}
