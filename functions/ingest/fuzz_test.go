package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/contract"
)

var statuses = []int{204, 400, 401, 405, 413, 503}

// checkEvents holds what reached the bus to the contract.
func (w *world) checkEvents(t *testing.T) {
	t.Helper()
	for _, entry := range w.bus.Events() {
		var e contract.Event
		if err := json.Unmarshal([]byte(entry.Detail), &e); err != nil {
			t.Errorf("%s: %v", entry.Detail, err)
		} else if err := e.Validate(); err != nil {
			t.Errorf("%s: %v", entry.Detail, err)
		}
	}
}

// FuzzAuthorization: no header but the right one gets in.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{
		"", "Basic", "Basic ", "Bearer x", "basic YTpi", "Basic Og==", "Basic " + strings.Repeat("A", 10_000),
		basic(user, password), basic(user, "x"), basic("x", password), basic(user, password) + "=", "Basic\t" + basic(user, password)[6:],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		w := newWorld(t)
		got := w.handle(auth(webhook(firing("site-a", "site-b")), value)).StatusCode
		scheme, rest, _ := strings.Cut(value, " ")
		// Go's decoder skips line breaks, which no HTTP header can hold.
		rest = strings.NewReplacer("\r", "", "\n", "").Replace(strings.Trim(rest, " "))
		right := strings.EqualFold(scheme, "basic") && rest == basic(user, password)[6:]
		if right != (got == 204) || !right && got != 401 {
			t.Errorf("%q: got %d", value, got)
		}
	})
}

// FuzzBody: no body makes the handler panic or fail, and nothing but valid
// events of the configuration reaches the bus.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", webhook(), webhook(firing("site-a", "site-b")), webhook("null", "7", firing("site-a", "site-a")),
		webhook(strings.Replace(firing("site-a", "site-b"), "2026", "9999", 1)), `{"version":"4","alerts":[{"labels":{"site":[]}}]}`,
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, body string, encoded bool) {
		w := newWorld(t)
		r := post(body)
		r.IsBase64Encoded = encoded
		if got := w.handle(r).StatusCode; got != 204 && got != 400 && got != 413 {
			t.Errorf("%q: got %d", body, got)
		}
		w.checkEvents(t)
	})
}

// FuzzRequest: no Function URL event makes the handler panic.
func FuzzRequest(f *testing.F) {
	for _, r := range []request{{}, post(webhook(firing("site-a", "site-b"))), auth("{", "Basic x")} {
		seed, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Add([]byte(`{"version":"1.0","httpMethod":"POST","headers":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r request
		if json.Unmarshal(raw, &r) != nil {
			return
		}
		w := newWorld(t)
		if got := w.handle(r).StatusCode; !slices.Contains(statuses, got) {
			t.Errorf("%q: got %d", raw, got)
		}
		w.checkEvents(t)
	})
}
