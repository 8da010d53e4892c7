package demo

import (
	"bufio"
	"context"
)

// howTo prints what to type while everything runs.
func (d *demo) howTo() {
	dep := d.stack.Deployment(deployment)
	aws := d.stack.Emulator.URL()
	const call = `curl -s %s -H 'Content-Type: application/x-amz-json-1.0' -H 'X-Amz-Target: AWSStepFunctions.%s' -d '%s'`
	d.say("\nEverything keeps running until Ctrl-C. Press Enter to heal the link, and again to cut it. In another terminal:\n")
	d.say("sitefence status --local\nsitefence report fence-1 --local\nsitefence restore --site %s --local        # once the link is healed", siteB)
	d.say("\nThe other commands work with --local too: sitefence --help.\n")
	d.say("Post an alert (here: %s reports %s); Alertmanager hands it on within 5 s:", siteA, siteB)
	d.say(`curl -s %s/api/v2/alerts -H 'Content-Type: application/json' -d '[{"labels":{"alertname":"SiteOffline","reporter":"%s","site":"%s","accelerator":"%s"}}]'`,
		d.alerts.URL(), siteA, siteB, dep.Accelerator.DNSName)
	d.say("\nList the guard's executions, then the fence's:")
	d.say(call, aws, "ListExecutions", `{"stateMachineArn":"`+dep.Guard+`"}`)
	d.say(call, aws, "ListExecutions", `{"stateMachineArn":"`+dep.Fence+`"}`)
	d.say("\nReplay one (read its input, start the guard with it again):")
	d.say(call, aws, "DescribeExecution", `{"executionArn":"<executionArn>"}`)
	d.say(call, aws, "StartExecution", `{"stateMachineArn":"`+dep.Guard+`","input":"<the input, as a JSON string>"}`)
	d.say("\nConfiguration and logs are in %s.", d.dir)
}

// obey heals and cuts the link until ctx ends. A reader that nobody ends is left
// behind: it ends with the process.
func (d *demo) obey(ctx context.Context) {
	lines := make(chan struct{})
	if d.opt.Lines != nil {
		go func() {
			for in := bufio.NewScanner(d.opt.Lines); in.Scan(); {
				select {
				case lines <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	for cut := true; ; {
		select {
		case <-ctx.Done():
			return
		case <-lines:
		}
		change, text := d.world.CutLink, "The link is cut: the sites do not see each other."
		if cut {
			change, text = d.world.HealLink, "The link is healed: the sites see each other."
		}
		if err := change(ctx); err != nil {
			d.say("The link: %v", err)
			continue
		}
		cut = !cut
		d.say("%s", text)
	}
}
