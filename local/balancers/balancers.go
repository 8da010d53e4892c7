// Package balancers is a stateful fake of the few calls of Elastic Load
// Balancing that Sitefence makes, DescribeTags above all, over its real wire protocol
// (AWS Query, XML). Regions are kept apart by the signature's scope, as AWS
// does. It is for fast tests; the deployed stack uses the emulator's.
package balancers

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Fake holds load balancers and their tags. It is safe for concurrent use.
type Fake struct {
	*httptest.Server

	mu     sync.Mutex
	tags   map[string]map[string]string // by ARN
	behind map[string][]string          // the state of each target, by load balancer ARN
	calls  []Call
	refuse map[string]string // error code by Region
}

// Call is one DescribeTags.
type Call struct {
	Region string
	ARNs   []string
}

// New starts a fake without load balancers; Close it.
func New() *Fake {
	f := Unserved()
	f.Server = httptest.NewServer(f)
	return f
}

// Unserved is a fake that listens nowhere: it has no URL, only ServeHTTP.
func Unserved() *Fake {
	return &Fake{tags: map[string]map[string]string{}, behind: map[string][]string{}, refuse: map[string]string{}}
}

// Put adds a load balancer or changes its tags.
func (f *Fake) Put(arn string, tags map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tags[arn] = tags
}

// Delete deletes a load balancer.
func (f *Fake) Delete(arn string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.tags, arn)
}

// Refuse answers every call in a Region with the error code; "" ends that.
func (f *Fake) Refuse(region, code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse[region] = code
}

// Calls are the calls so far.
func (f *Fake) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Call(nil), f.calls...)
}

// ARN makes a Network Load Balancer's ARN.
func ARN(region, name string) string {
	return "arn:aws:elasticloadbalancing:" + region + ":123456789012:loadbalancer/net/" + name + "/0123456789abcdef"
}

var scope = regexp.MustCompile(`Credential=[^/]+/\d+/([a-z0-9-]+)/elasticloadbalancing/`)

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	region := scope.FindStringSubmatch(r.Header.Get("Authorization"))
	if err := r.ParseForm(); err != nil || region == nil {
		fail(w, http.StatusBadRequest, "InvalidAction", "the fake knows no such call")
		return
	}
	switch r.PostForm.Get("Action") {
	case "DescribeTags":
	case "DescribeTargetGroups", "DescribeTargetHealth":
		f.serveTargets(w, region[1], r.PostForm)
		return
	default:
		fail(w, http.StatusBadRequest, "InvalidAction", "the fake knows no such action")
		return
	}
	var arns []string
	for i := 1; r.PostForm.Has("ResourceArns.member." + strconv.Itoa(i)); i++ {
		arns = append(arns, r.PostForm.Get("ResourceArns.member."+strconv.Itoa(i)))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, Call{region[1], arns})
	if code := f.refuse[region[1]]; code != "" {
		fail(w, http.StatusBadRequest, code, "refused by the test")
		return
	}
	if len(arns) > 20 {
		fail(w, http.StatusBadRequest, "ValidationError", "at most 20 resources")
		return
	}
	var out answer
	for _, arn := range arns {
		tags, ok := f.tags[arn]
		if !ok || !strings.Contains(arn, ":"+region[1]+":") {
			fail(w, http.StatusBadRequest, "LoadBalancerNotFound", "Load balancers '["+arn+"]' not found")
			return
		}
		d := description{ARN: arn}
		for k, v := range tags {
			d.Tags = append(d.Tags, tag{k, v})
		}
		out.Result = append(out.Result, d)
	}
	w.Header().Set("Content-Type", "text/xml")
	_ = xml.NewEncoder(w).Encode(out)
}

type answer struct {
	XMLName xml.Name      `xml:"DescribeTagsResponse"`
	Result  []description `xml:"DescribeTagsResult>TagDescriptions>member"`
}

type description struct {
	ARN  string `xml:"ResourceArn"`
	Tags []tag  `xml:"Tags>member"`
}

type tag struct{ Key, Value string }

type failure struct {
	XMLName xml.Name `xml:"ErrorResponse"`
	Type    string   `xml:"Error>Type"`
	Code    string   `xml:"Error>Code"`
	Message string   `xml:"Error>Message"`
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(failure{Type: "Sender", Code: code, Message: message})
}
