package wiring

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sitefence/sitefence/internal/config"
)

// TestBalancers: where the tags will be asked for, if any will.
func TestBalancers(t *testing.T) {
	const ireland = "https://elasticloadbalancing.eu-west-1.amazonaws.com"
	listed := config.Site{LoadBalancerARNs: []string{"arn"}}
	for name, tc := range map[string]struct {
		cfg   aws.Config
		sites []config.Site
		want  string
	}{
		"on AWS":         {aws.Config{Region: "eu-west-1"}, []config.Site{{}, {}}, ireland},
		"elsewhere":      {aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String("http://127.0.0.1:4566")}, []config.Site{{}, {}}, "http://127.0.0.1:4566"},
		"one is listed":  {aws.Config{Region: "eu-west-1"}, []config.Site{listed, {}}, ireland},
		"all are listed": {aws.Config{Region: "eu-west-1"}, []config.Site{listed, listed}, ""},
		"no address":     {aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String("http://[")}, []config.Site{{}, {}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := With(config.Deployment{Sites: tc.sites}, tc.cfg).balancers(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// asked notes where a connection is opened to.
type asked chan string

func (a asked) Do(r *http.Request) (*http.Response, error) {
	a <- r.Method + " " + r.URL.String()
	return nil, errors.New("nobody is there")
}

func TestConnect(t *testing.T) {
	to := make(asked, 1)
	With(config.Deployment{Sites: []config.Site{{}}}, aws.Config{Region: "eu-west-1", HTTPClient: to}).connect()
	select {
	case got := <-to:
		if want := "HEAD https://elasticloadbalancing.eu-west-1.amazonaws.com"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing is opened")
	}
	With(config.Deployment{}, aws.Config{Region: "eu-west-1"}).connect() // there is no client to open it with
}
