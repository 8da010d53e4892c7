package pause_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/pause"
)

const name = "/sitefence/stack/kc/pause-0123abcd"

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const held = `{"reason":"maintenance","by":"alice","since":"2026-11-24T11:00:00Z","until":"2026-11-24T13:00:00Z"}`

// reader is what a function has.
func reader(t *testing.T, parameters *awsfake.Parameters) pause.Reader {
	t.Helper()
	t.Setenv(config.EnvPauseParameter, name)
	r, ok := pause.FromEnvironment(awsfake.Serve(t, parameters))
	if !ok {
		t.Fatal("nothing can be paused")
	}
	return r
}

func TestRead(t *testing.T) {
	for what, tc := range map[string]struct {
		value  string
		fault  awsfake.Fault
		paused bool
		wrong  string
	}{
		"nothing":         {value: "{}"},
		"a pause":         {value: held, paused: true},
		"over":            {value: strings.Replace(held, "13:00", "12:00", 1)},
		"malformed":       {value: "paused", wrong: "the pause parameter: got"},
		"gone":            {fault: awsfake.Fault{Status: 400, Code: "ParameterNotFound"}, wrong: "ParameterNotFound"},
		"not for us":      {value: held, fault: awsfake.Fault{Status: 400, Code: "AccessDeniedException"}, wrong: "access-denied"},
		"throttled":       {value: held, fault: awsfake.Fault{Status: 400, Code: "ThrottlingException"}, wrong: "Throttling"},
		"broken":          {value: held, fault: awsfake.Fault{Status: 500, Code: "InternalServerError"}, wrong: "InternalServerError"},
		"cut":             {value: held, fault: awsfake.Fault{Cut: true}, wrong: "reading the pause parameter " + name},
		"no JSON":         {value: held, fault: awsfake.Fault{Body: "<html>"}, wrong: "reading the pause parameter " + name},
		"no parameter":    {value: held, fault: awsfake.Fault{Body: "{}"}, wrong: "no value"},
		"no value in it":  {value: held, fault: awsfake.Fault{Body: `{"Parameter":{"Name":"x"}}`}, wrong: "no value"},
		"an empty answer": {value: held, fault: awsfake.Fault{Body: `{"Parameter":{"Value":""}}`}, wrong: "the pause parameter: got"},
	} {
		t.Run(what, func(t *testing.T) {
			parameters := &awsfake.Parameters{}
			parameters.Set(name, tc.value)
			parameters.Add(tc.fault)
			got, err := reader(t, parameters).Read(t.Context(), now)
			if (got != nil) != tc.paused || (err != nil) != (tc.wrong != "") || err != nil && !strings.Contains(err.Error(), tc.wrong) {
				t.Errorf("got %v, %v; want %q", got, err, tc.wrong)
			}
			if n := len(parameters.Calls()); n != 1 {
				t.Errorf("asked %d times, want once: nothing waits for a second try", n)
			}
		})
	}
}

// hung answers when its caller has left.
type hung struct{}

func (hung) GetParameter(ctx context.Context, _ *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestNeverLong: a store that does not answer costs two seconds.
func TestNeverLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		got, err := pause.Reader{Parameters: hung{}, Name: name}.Read(t.Context(), now)
		if got != nil || err == nil || time.Since(began) != pause.Timeout {
			t.Errorf("got %v, %v after %s", got, err, time.Since(began))
		}
	})
}

// TestNoSwitch: a function without the parameter's name is never paused.
func TestNoSwitch(t *testing.T) {
	t.Setenv(config.EnvPauseParameter, "")
	if _, ok := pause.FromEnvironment(aws.Config{}); ok {
		t.Error("there is a switch that nobody named")
	}
}
