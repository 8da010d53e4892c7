package storm

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/checkhealth"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	client "github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/ingest"
	"github.com/sitefence/sitefence/internal/manifests"
	"github.com/sitefence/sitefence/internal/secret"
	"github.com/sitefence/sitefence/internal/takeoffline"
	"github.com/sitefence/sitefence/internal/updateaccelerator"
	"github.com/sitefence/sitefence/internal/wiring"
	"github.com/sitefence/sitefence/local/asl"
	"github.com/sitefence/sitefence/local/balancers"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/statemachine"
)

const (
	user     = "alertmanager"
	password = "webhook-password" //nolint:gosec // of a fake
	// Once posts the alerts, and never again.
	Once = 1
	// Repeated posts them until all is fenced, so often at most.
	Repeated = 12
)

// Setenv sets an environment variable of the process; the functions read theirs
// when they are built.
type Setenv func(name, value string)

// Live lets every deployment lose its link at once, both sites of each report the
// other, up to so many times, and returns when nothing is under way any more. The doubles are the sites
// of the deployments; they were made outside the bubble.
func Live(r Region, posts int, doubles []*infinispan.Double, setenv Setenv) (Report, error) {
	a := &account{meter: newMeter(r.Quotas), accelerator: ga.New(ga.Options{NewEndpointHealth: ga.Healthy}), balancers: balancers.Unserved(),
		secrets: &awsfake.SecretsManager{}, parameters: &awsfake.Parameters{}, deployments: map[string]*deployment{}, running: map[string]int{}, ready: map[string]int{}, pool: Concurrency - reserved(len(doubles)),
		log: slog.New(slog.NewJSONHandler(io.Discard, nil))}
	defer a.accelerator.Close() //nolint:errcheck // it listens nowhere
	a.secrets.Set("webhook", password)
	var files []config.IngestDeployment
	for i, double := range doubles {
		d, err := a.add(fmt.Sprintf("kc-%03d", i+1), double, setenv)
		if err != nil {
			return Report{}, err
		}
		files = append(files, config.IngestDeployment{Name: d.name, DNSNames: []string{d.accelerator.DNSName}, Sites: []contract.Site{siteA, siteB}})
	}
	for i := 0; i < len(files); i += perStack {
		a.doors = append(a.doors, &ingest.Handler{User: user, Deployments: files[i:min(i+perStack, len(files))], Log: a.log, Now: time.Now,
			Secret: secret.New(secretsmanager.NewFromConfig(a.aws()), "webhook"), Bus: bus.New(eventbridge.NewFromConfig(a.aws()), "bus")})
	}
	for _, double := range doubles {
		double.CutBetween(string(siteA), string(siteB))
	}
	began := time.Now()
	rounds := a.alarm(files, posts)
	a.open.Wait()
	// The load of a secret may go on without its caller for a while.
	time.Sleep(time.Minute)
	report := a.report(r, began)
	report.Rounds = rounds
	return report, nil
}

// alarm posts every alert, and again whenever Alertmanager does, until all
// deployments are fenced; it returns how often. What is fenced reports on: its
// alert fires as long as the link is down.
func (a *account) alarm(files []config.IngestDeployment, most int) int {
	for round := 1; ; round++ {
		var posts sync.WaitGroup
		next := time.Now().Add(manifests.Defaults().RepeatInterval)
		for i, f := range files {
			d, stack := a.deployments[f.Name], i/perStack
			posts.Go(func() { a.post(stack, d, siteA, siteB) })
			posts.Go(func() { a.post(stack, d, siteB, siteA) })
		}
		posts.Wait()
		time.Sleep(time.Until(next))
		if a.fenced() == len(files) || round == most {
			return round
		}
	}
}

// fenced is how many deployments have lost exactly one site, and the other does not
// replicate to it any more.
func (a *account) fenced() (n int) {
	now := a.accelerator.Snapshot()
	for _, d := range a.deployments {
		if _, problem := d.fenced(now); problem == "" {
			n++
		}
	}
	return n
}

// fenced names the survivor, or says what is wrong.
func (d *deployment) fenced(now ga.State) (survivor contract.Site, problem string) {
	inA, inB := len(now.Holding(balancer(d.name, siteA))) > 0, len(now.Holding(balancer(d.name, siteB))) > 0
	survivor, lost := siteA, siteB
	if inB {
		survivor, lost = lost, survivor
	}
	if status := d.double.Status(string(survivor), string(lost)); inA == inB || status != infinispan.Offline {
		return "", fmt.Sprintf("%s: site-a serves %t, site-b serves %t, replication from %s is %s", d.name, inA, inB, survivor, status)
	}
	return survivor, ""
}

// add deploys a deployment.
func (a *account) add(name string, double *infinispan.Double, setenv Setenv) (*deployment, error) {
	double.Reset()
	d := &deployment{name: name, double: double, steps: map[string]step{}}
	sites := config.Deployment{Name: name}
	var endpoints []ga.Endpoint
	for _, s := range []contract.Site{siteA, siteB} {
		lb := balancer(name, s)
		a.balancers.Put(lb, map[string]string{"site": string(s)})
		endpoints = append(endpoints, ga.NewEndpoint(lb))
		secretName := name + "-" + string(s)
		a.secrets.Set(secretName, double.Site(string(s)).Password)
		sites.Sites = append(sites.Sites, config.Site{Name: s, Infinispan: &config.Infinispan{
			URL: "https://" + name + "." + string(s) + ".example.com", User: double.Site(string(s)).User, PasswordSecret: secretName}})
	}
	var err error
	if d.accelerator, err = a.accelerator.Build(name, ga.NewListener(443, ga.NewGroup(region, endpoints...))); err != nil {
		return nil, err
	}
	sites.Accelerator = config.Accelerator{ARN: d.accelerator.ARN, DNSNames: []string{d.accelerator.DNSName}}
	pause := "/sitefence/" + name + "/pause"
	a.parameters.Set(pause, "{}")
	setenv(config.EnvPauseParameter, pause)
	setenv(config.EnvFenceMachine, machineARN(name, "fence"))
	if err := a.wire(d, wiring.With(sites, a.aws())); err != nil {
		return nil, err
	}
	resources := map[string]string{"FenceMachineArn": machineARN(name, "fence"), "BusName": "bus", "CheckHealthFunctionArn": "checkhealth",
		"UpdateAcceleratorFunctionArn": "updateaccelerator", "TakeOfflineFunctionArn": "takeoffline"}
	with := func(names map[string]string) map[string]string {
		maps.Copy(names, resources)
		return names
	}
	if d.guard, err = asl.Parse(statemachine.Guard, with(statemachine.GuardNames(name, config.DefaultGuardLimits))); err != nil {
		return nil, err
	}
	d.ends, err = asl.Parse(statemachine.Fence, with(statemachine.FenceNames(name, config.DefaultFenceLimits)))
	a.deployments[name] = d
	return d, err
}

func balancer(name string, s contract.Site) string {
	return balancers.ARN(region, "lb-"+name+"-"+string(s))
}

// wire builds the functions as they build themselves.
func (a *account) wire(d *deployment, function wiring.Function) error {
	through := func(s contract.Site, c any) *client.Client {
		return c.(*client.Client).Through(site{d.double.Handler(string(s))})
	}
	check, err := checkhealth.New(function)
	if err != nil {
		return err
	}
	update, err := updateaccelerator.New(function)
	if err != nil {
		return err
	}
	offline, err := takeoffline.New(function)
	if err != nil {
		return err
	}
	for s := range check.Clusters {
		check.Clusters[s] = through(s, check.Clusters[s])
		update.Clusters[s] = through(s, update.Clusters[s])
		offline.Clusters[s] = through(s, offline.Clusters[s])
	}
	check.Log, update.Log, offline.Log = a.log, a.log, a.log
	d.steps = map[string]step{"checkhealth": stepOf(check), "updateaccelerator": stepOf(update), "takeoffline": stepOf(offline)}
	return nil
}

// post is Alertmanager: it tries again what was answered 5xx.
func (a *account) post(stack int, d *deployment, reporter, site contract.Site) {
	r := events.LambdaFunctionURLRequest{
		Headers: map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))},
		Body: fmt.Sprintf(`{"version":"4","groupKey":"x","alerts":[{"status":"firing","labels":{"alertname":%q,"accelerator":%q,"reporter":%q,"site":%q},`+
			`"startsAt":%q,"fingerprint":"0123456789abcdef"}]}`, alert.Name, d.accelerator.DNSName, reporter, site, time.Now().Format(time.RFC3339Nano)),
	}
	r.RequestContext.HTTP.Method = http.MethodPost
	name := fmt.Sprintf("ingest-%d", stack)
	for {
		if first, err := a.enter(name, true); err == nil {
			if first {
				time.Sleep(coldStart)
			}
			ctx, cancel := context.WithTimeout(context.Background(), contract.IngestTimeout*time.Second)
			answer, _ := a.doors[stack].Handle(ctx, r)
			cancel()
			a.leave(name, true)
			if answer.StatusCode < http.StatusInternalServerError {
				return
			}
		}
		time.Sleep(time.Duration(rand.Int64N(int64(2 * time.Second)))) //nolint:gosec // jitter
	}
}

// report looks at the world as it really is.
func (a *account) report(r Region, began time.Time) Report {
	out := Report{Region: r.Name, Deployments: len(a.deployments), Alerts: 2 * len(a.deployments), Outcomes: map[string]int{},
		Concurrent: a.most, Pool: a.pool, Invocations: a.invocations, Throttled: a.throttled}
	for _, u := range a.meter.uses {
		out.Quotas = append(out.Quotas, u.Use)
	}
	repeated := began.Add(manifests.Defaults().RepeatInterval)
	proven, first := map[string]time.Time{}, map[string]bool{}
	guards := map[string]time.Time{}
	for _, e := range a.runs {
		guards[e.ID] = e.began
	}
	for _, e := range a.runs {
		kind := e.machine[len(e.machine)-5:]
		if e.Status != asl.Succeeded {
			out.GaveUp++
		}
		end := string(e.Status)
		if e.Status == asl.Succeeded {
			end = fmt.Sprint(e.Output.(map[string]any)["outcome"])
		} else if e.Error != "" {
			end = e.State + ": " + e.Error
		}
		out.Outcomes[kind+" "+end]++
		if end == "Fenced" {
			guard, _ := e.Input.(map[string]any)["guard"].(string)
			proven[e.deployment.name], first[e.deployment.name] = e.ended, guards[guard].Before(repeated)
		}
	}
	written := map[string]time.Time{}
	for _, e := range a.accelerator.History() {
		if e.Operation == ga.UpdateEndpointGroup || e.Operation == ga.RemoveEndpoints {
			out.Writes++
			for _, d := range a.deployments {
				if len(e.Target) > len(d.accelerator.ARN) && e.Target[:len(d.accelerator.ARN)] == d.accelerator.ARN {
					written[d.name] = e.At
				}
			}
		}
	}
	var writes, proofs []float64
	now := a.accelerator.Snapshot()
	for name, d := range a.deployments {
		if _, problem := d.fenced(now); problem != "" {
			out.Problems = append(out.Problems, problem)
			continue
		}
		out.Fenced++
		writes = append(writes, written[name].Sub(began).Seconds())
		if at, ok := proven[name]; ok {
			if first[name] {
				out.ByFirst++
			}
			if at.Before(repeated) {
				out.Early++
			}
			proofs = append(proofs, at.Sub(began).Seconds())
		}
	}
	out.Written, out.Proven = spreadOf(writes), spreadOf(proofs)
	return out
}
