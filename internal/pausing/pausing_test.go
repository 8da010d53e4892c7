package pausing_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/pausing"
)

var now = time.Date(2026, 11, 24, 22, 0, 0, 0, time.UTC)

// store is SSM with one parameter. after, if set, is what somebody else writes
// right after each write.
type store struct {
	mu           sync.Mutex
	value, after string
	denied       string // an operation
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in struct {
		Name, Value, Type string
		Overwrite         bool
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &in)
	op := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSSM.")
	refuse := func(code string) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": "no"})
	}
	switch {
	case op == s.denied:
		refuse("AccessDeniedException")
	case in.Name != "/sitefence/kc/pause" || op == "GetParameter" && s.value == "":
		refuse("ParameterNotFound")
	case op == "GetParameter":
		_ = json.NewEncoder(w).Encode(map[string]any{"Parameter": map[string]string{"Name": in.Name, "Value": s.value}})
	case s.value != "" && !in.Overwrite:
		refuse("ParameterAlreadyExists")
	default:
		s.value = in.Value
		if s.after != "" {
			s.value = s.after
		}
		_, _ = io.WriteString(w, "{}")
	}
}

func (s *store) open(t *testing.T) pausing.Switch {
	return pausing.Switch{Client: ssm.NewFromConfig(awsfake.Serve(t, s)), Parameter: "/sitefence/kc/pause"}
}

func pause(reason string, lasts time.Duration) contract.Pause {
	return contract.Pause{Reason: reason, By: "ops", Since: now, Until: now.Add(lasts)}
}

func text(t *testing.T, p contract.Pause) string {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPauseThenResume(t *testing.T) {
	for name, before := range map[string]string{
		"nothing before": "{}", "no parameter": "", "broken": "oops", "over": text(t, contract.Pause{Reason: "x", By: "y", Since: now.Add(-2 * time.Hour), Until: now.Add(-time.Hour)}),
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{value: before}
			sw := s.open(t)
			if err := sw.Pause(t.Context(), pause("maintenance", time.Hour), now); err != nil {
				t.Fatal(err)
			}
			got, err := sw.Read(t.Context(), now)
			if err != nil || got == nil || got.Reason != "maintenance" || !got.Until.Equal(now.Add(time.Hour)) {
				t.Fatalf("read %+v, %v", got, err)
			}
			if got, err := sw.Read(t.Context(), now.Add(time.Hour)); got != nil || err != nil {
				t.Errorf("after its end: %+v, %v", got, err)
			}
			for range 2 { // a second time changes nothing
				if err := sw.Resume(t.Context(), now); err != nil {
					t.Fatal(err)
				}
				if got, err := sw.Read(t.Context(), now); got != nil || err != nil {
					t.Errorf("after resume: %+v, %v", got, err)
				}
			}
		})
	}
}

func TestRead(t *testing.T) {
	for name, tc := range map[string]struct {
		value, denied string
		broken, fails bool
	}{
		"nothing paused":      {value: "{}"},
		"no parameter":        {value: "", broken: true, fails: true},
		"no JSON":             {value: "paused", broken: true, fails: true},
		"a pause with no end": {value: `{"reason":"x","by":"y","since":"2026-11-24T22:00:00Z"}`, broken: true, fails: true},
		"may not be read":     {value: "{}", denied: "GetParameter", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{value: tc.value, denied: tc.denied}
			got, err := s.open(t).Read(t.Context(), now)
			if got != nil || (err != nil) != tc.fails || errors.Is(err, pausing.ErrBroken) != tc.broken {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// What is said to be paused has been read back.
func TestWhatIsWrittenIsReadBack(t *testing.T) {
	ctx := context.Background()
	s := &store{value: "{}", after: text(t, pause("somebody else's", time.Minute))}
	if err := s.open(t).Pause(ctx, pause("ours", time.Hour), now); err == nil {
		t.Error("another's pause passed for ours")
	}
	if err := s.open(t).Resume(ctx, now); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("resume over another's pause: %v", err)
	}
	s = &store{value: "{}", denied: "PutParameter"}
	if err := s.open(t).Pause(ctx, pause("x", time.Hour), now); err == nil {
		t.Error("a refused write passed")
	}
	s = &store{value: "{}"}
	if err := s.open(t).Pause(ctx, pause("x", contract.MaxPause+time.Second), now); err == nil || s.value != "{}" {
		t.Errorf("too long a pause: %v, wrote %s", err, s.value)
	}
}
