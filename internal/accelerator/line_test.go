package accelerator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// line is how an SDK's client reaches AWS: every answer is given, and every
// request is kept. One of the calls is answered by a stranger.
type line struct {
	call string // which: "ListListeners", "ListEndpointGroups" of listener/2, "DescribeTags"
	odd  reply

	mu     sync.Mutex
	calls  map[string]int
	hosts  []string
	writes []write
}

type reply struct {
	status int
	kind   string // content type
	body   []byte
}

type write struct {
	EndpointGroupArn       string
	EndpointConfigurations []struct {
		EndpointId                  string //nolint:revive // AWS's spelling
		Weight                      int32
		ClientIPPreservationEnabled bool
	}
	EndpointIdentifiers []struct{ EndpointId string } //nolint:revive // AWS's spelling
}

// The calls that a stranger may answer.
var calls = []string{"ListListeners", "ListEndpointGroups", "DescribeTags", "UpdateEndpointGroup"}

func (l *line) Do(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	_, call, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if call == "" {
		call = "DescribeTags"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[call]++
	l.hosts = append(l.hosts, r.URL.Host)
	if call == "UpdateEndpointGroup" || call == "RemoveEndpoints" {
		var w write
		if err := json.Unmarshal(body, &w); err != nil {
			return nil, err
		}
		l.writes = append(l.writes, w)
	}
	out := reply{200, "application/x-amz-json-1.1", []byte(honest[call])}
	if call == l.call && (call != "ListEndpointGroups" || bytes.Contains(body, []byte("listener/2"))) {
		out = l.odd
	} else if call == "ListEndpointGroups" {
		out.body = []byte(groups(string(regexp.MustCompile(`listener/\d`).Find(body)), two))
	}
	return &http.Response{StatusCode: out.status, Header: http.Header{"Content-Type": {out.kind}},
		Body: io.NopCloser(bytes.NewReader(out.body)), ContentLength: int64(len(out.body)), Request: r}, nil
}

// two are an endpoint of each site.
var two = `{"EndpointId":"` + lb(west, "a") + `","Weight":128,"HealthState":"HEALTHY","ClientIPPreservationEnabled":true},` +
	`{"EndpointId":"` + lb(west, "b") + `","Weight":1,"HealthState":"HEALTHY"}`

func groups(listener, endpoints string) string {
	return `{"EndpointGroups":[{"EndpointGroupArn":"` + listener + `/group","EndpointGroupRegion":"eu-west-1","TrafficDialPercentage":100.0,"EndpointDescriptions":[` + endpoints + `]}]}`
}

func described(arn, tags string) string {
	return "<member><ResourceArn>" + arn + "</ResourceArn><Tags>" + tags + "</Tags></member>"
}

func tagged(site string) string {
	return "<member><Key>Name</Key><Value>x</Value></member><member><Key>site</Key><Value>" + site + "</Value></member>"
}

func tags(descriptions ...string) string {
	return "<DescribeTagsResponse><DescribeTagsResult><TagDescriptions>" + strings.Join(descriptions, "") + "</TagDescriptions></DescribeTagsResult></DescribeTagsResponse>"
}

// honest are the true answers: two listeners with a group of both sites each.
var honest = map[string]string{
	"ListListeners":      `{"Listeners":[{"ListenerArn":"listener/1"},{"ListenerArn":"listener/2"}]}`,
	"ListEndpointGroups": groups("listener/2", two), "UpdateEndpointGroup": `{}`, "RemoveEndpoints": `{}`,
	"DescribeTags": tags(described(lb(west, "a"), tagged("site-a")), described(lb(west, "b"), tagged("site-b"))),
}

// reader is the real SDK over the line.
func (l *line) reader() (accelerator.Reader, accelerator.Writing) {
	l.calls = map[string]int{}
	own := credentials.NewStaticCredentialsProvider("test", "test", "")
	client := globalaccelerator.New(globalaccelerator.Options{Region: accelerator.Region, Credentials: own, HTTPClient: l, Retryer: aws.NopRetryer{}})
	return accelerator.Reader{
		Accelerator: client, Balancers: elb.New(elb.Options{Region: "eu-central-1", Credentials: own, HTTPClient: l, Retryer: aws.NopRetryer{}}),
		Deployment: config.Deployment{Name: "kc", Accelerator: config.Accelerator{ARN: "accelerator"}, Sites: []config.Site{{Name: siteA}, {Name: siteB}}},
	}, client
}

// try reads through the line and then tries to remove site-b. It holds errors to
// the contract and the requests to AWS's own hosts.
func (l *line) try(t *testing.T) (accelerator.State, error) {
	t.Helper()
	r, w := l.reader()
	state, err := r.Read(t.Context())
	_, removeErr := accelerator.Remove(t.Context(), r.Read, w, siteB, siteA)
	for _, err := range []error{err, removeErr} {
		if err == nil {
			continue
		}
		if !isA[*contract.Transient](err) && !isA[*contract.Misconfigured](err) && !isA[*contract.Refused](err) {
			t.Errorf("an error of no type: %T %v", err, err)
		}
		if text := contract.Edge(err).Error(); len(text) > 2*contract.MaxText || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("a text of %d bytes: %.200q", len(text), text)
		}
	}
	host := regexp.MustCompile(`^(globalaccelerator\.us-west-2|elasticloadbalancing\.[a-z0-9-]+)\.amazonaws\.com$`)
	for _, h := range l.hosts {
		if !host.MatchString(h) {
			t.Errorf("asked %q", h)
		}
	}
	if err != nil && len(l.writes) > 0 {
		t.Errorf("written after %v: %+v", err, l.writes)
	}
	l.checkWrites(t, state)
	return state, err
}

// checkWrites: every write is of a group that was read, takes out site-b alone,
// and leaves the reporter in service in its listener (I1).
func (l *line) checkWrites(t *testing.T, s accelerator.State) {
	t.Helper()
	for _, w := range l.writes {
		found := false
		for _, listener := range s.Listeners {
			for _, g := range listener.Groups {
				if g.ARN != w.EndpointGroupArn || found {
					continue
				}
				if found = slices.ContainsFunc(g.Endpoints, func(e accelerator.Endpoint) bool { return e.Owner.Site == siteB }); !found {
					continue
				}
				if !listener.InService(siteA) {
					t.Errorf("%s went dark: %+v", listener.ARN, w)
				}
				var want []string
				for _, e := range g.Endpoints {
					if e.Owner.Site != siteB {
						want = append(want, fmt.Sprint(e.ID, e.Weight, e.ClientIPPreservation))
					}
				}
				var got []string
				for _, e := range w.EndpointConfigurations {
					got = append(got, fmt.Sprint(e.EndpointId, e.Weight, e.ClientIPPreservationEnabled))
				}
				if diff := cmp.Diff(want, got); diff != "" && w.EndpointIdentifiers == nil {
					t.Errorf("the survivors (-want +got):\n%s", diff)
				}
			}
		}
		if !found {
			t.Errorf("a write of what was not read: %+v", w)
		}
	}
}
