package demo

// howTo prints what to type while everything runs.
func (d *demo) howTo() {
	dep := d.stack.Deployment(deployment)
	aws := d.stack.Emulator.URL()
	const call = `curl -s %s -H 'Content-Type: application/x-amz-json-1.0' -H 'X-Amz-Target: AWSStepFunctions.%s' -d '%s'`
	d.say("\nEverything keeps running until Ctrl-C. In another terminal:\n")
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
