package checkhealth

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// BenchmarkJudge is the decision alone.
func BenchmarkJudge(b *testing.B) {
	facts := Facts{Reporter: siteA, Site: siteB, State: one(endpoint(siteA), endpoint(siteB)), Asked: blind(infinispan.Online), AlertAge: time.Second}
	b.ReportAllocs()
	for b.Loop() {
		if v, err := Judge(facts); err != nil || v.Decision == "" {
			b.Fatal(v, err)
		}
	}
}

// BenchmarkCheck is a whole warm check, over the real clients and fakes on loopback,
// whose own time is in it.
func BenchmarkCheck(b *testing.B) {
	w := world.New(b)
	h, err := New(w.Function())
	if err != nil {
		b.Fatal(err)
	}
	h.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	if err := w.Infinispan.CutLink(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		in := input(w)
		if _, err := h.Handle(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}
