package ingest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/sitefence/sitefence/internal/secret"
)

// asked notes where a connection is opened to.
type asked chan string

func (a asked) Do(r *http.Request) (*http.Response, error) {
	a <- r.Method + " " + r.URL.String()
	return nil, errors.New("nobody is there")
}

// TestConnector: once, and to where the events will go.
func TestConnector(t *testing.T) {
	for want, cfg := range map[string]aws.Config{
		"HEAD https://events.eu-west-1.amazonaws.com": {Region: "eu-west-1"},
		"HEAD http://127.0.0.1:4566":                  {Region: "eu-west-1", BaseEndpoint: aws.String("http://127.0.0.1:4566")},
	} {
		to := make(asked, 2)
		cfg.HTTPClient = to
		connect := connector(eventbridge.NewFromConfig(cfg))
		connect()
		connect()
		select {
		case got := <-to:
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("nothing is opened, want %s", want)
		}
	}
	connector(eventbridge.NewFromConfig(aws.Config{HTTPClient: make(asked, 1)}))() // without a Region there is no address
}

// ordered notes that the secret is read.
type ordered struct{ steps *[]string }

func (o ordered) Get(context.Context) (secret.Value, error) {
	*o.steps = append(*o.steps, "secret")
	return secret.Of(password), nil
}

func (o ordered) Refresh(context.Context, secret.Value) (secret.Value, bool, error) {
	return secret.Value{}, false, nil
}

// TestConnectsBesideTheSecret: before the secret is waited for, and for nobody who
// sends no credentials.
func TestConnectsBesideTheSecret(t *testing.T) {
	w := newWorld(t)
	var steps []string
	w.handler.Secret = ordered{&steps}
	w.handler.Connect = func() { steps = append(steps, "connect") }
	stranger := request{}
	stranger.RequestContext.HTTP.Method = http.MethodPost
	w.handle(stranger)
	if len(steps) > 0 {
		t.Errorf("without credentials: %q", steps)
	}
	r := stranger
	r.Headers = map[string]string{"authorization": "Basic eDp5"}
	w.handle(r)
	if !slices.Equal(steps, []string{"connect", "secret"}) {
		t.Errorf("got %q", steps)
	}
}
