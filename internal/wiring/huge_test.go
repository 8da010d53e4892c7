package wiring_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// TestHugeAnswer: an answer of 200 MB to a read or a write ends as Transient and
// does not fill the memory of a function (512 MB).
func TestHugeAnswer(t *testing.T) {
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"Listeners":"`))
		for range 200 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
		_, _ = w.Write([]byte(`"}`))
	}))
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	arn := "arn:aws:globalaccelerator::123456789012:accelerator/1"
	f := function(t, config.Deployment{Accelerator: config.Accelerator{ARN: arn}})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for what, call := range map[string]func() error{
		"reading": func() error { _, err := f.Reader().Read(t.Context()); return err },
		"writing": func() error {
			_, err := accelerator.Remove(t.Context(), served, f.Writer(), "site-b", "site-a")
			return err
		},
	} {
		if err := call(); err == nil || contract.ReasonOf(err) != contract.Unavailable || len(err.Error()) > 2*contract.MaxText {
			t.Errorf("%s: got %.300v, want unavailable", what, err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 200 {
		t.Errorf("%d MiB were allocated", got)
	}
}

// served is an accelerator in which both sites serve.
func served(context.Context) (accelerator.State, error) {
	end := func(site contract.Site) accelerator.Endpoint {
		return accelerator.Endpoint{ID: string(site), Weight: 128, Owner: accelerator.Owner{Site: site}}
	}
	return accelerator.State{Listeners: []accelerator.Listener{{ARN: "l", Groups: []accelerator.Group{
		{ARN: "g", Dial: 100, Endpoints: []accelerator.Endpoint{end("site-a"), end("site-b")}}}}}}, nil
}
