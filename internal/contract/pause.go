package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MaxPause bounds a pause: whoever pauses for longer than a day has forgotten it.
const MaxPause = 24 * time.Hour

// Pause is the value of a deployment's pause parameter, JSON. While it holds no
// fence is begun; one that has begun is finished.
type Pause struct {
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
}

// MaxPauseValue bounds the parameter's value, in bytes: a standard parameter of
// Systems Manager holds no more.
const MaxPauseValue = 4096

// pauseSkew is how far ahead of ours the clock may be that wrote Since.
const pauseSkew = 5 * time.Minute

// ParsePause reads the parameter's value. It is nil for `{}`, which says that
// nothing is paused, and for a pause that is over. What is malformed is an error
// and no pause: a broken switch must not prevent a fence. So is a pause that has
// not begun: its end would be bounded by nothing.
func ParsePause(value string, now time.Time) (*Pause, error) {
	if len(value) > MaxPauseValue {
		return nil, fmt.Errorf("the pause parameter: got %d bytes, want at most %d", len(value), MaxPauseValue)
	}
	// Members that a later release adds are passed over; that there are some says
	// that `{}` is not meant.
	var members map[string]json.RawMessage
	var p Pause
	if err := errors.Join(json.Unmarshal([]byte(value), &members), json.Unmarshal([]byte(value), &p)); err != nil || members == nil {
		return nil, fmt.Errorf("the pause parameter: got %.40q, want one JSON object: {}, or a pause with reason, by, since and until", value)
	}
	if len(members) == 0 {
		return nil, nil
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("the pause parameter: %w", err)
	}
	if p.Since.After(now.Add(pauseSkew)) {
		return nil, fmt.Errorf("the pause parameter: since: got %s, want no time to come", p.Since.UTC().Format(time.RFC3339))
	}
	if !now.Before(p.Until) {
		return nil, nil
	}
	return &p, nil
}

// Validate names every field that is not as it must be.
func (p Pause) Validate() error {
	var problems []error
	want := func(ok bool, field, expected string) {
		if !ok {
			problems = append(problems, fmt.Errorf("%s: want %s", field, expected))
		}
	}
	want(p.Reason != "" && len(p.Reason) <= MaxOrder, "reason", fmt.Sprintf("a text of 1 to %d bytes", MaxOrder))
	want(p.By != "" && len(p.By) <= MaxOrder, "by", fmt.Sprintf("a name of 1 to %d bytes", MaxOrder))
	want(!p.Since.IsZero(), "since", "when the pause began, RFC 3339")
	want(!p.Until.IsZero() && p.Until.After(p.Since) && p.Until.Sub(p.Since) <= MaxPause, "until", fmt.Sprintf("its end, RFC 3339, at most %s after since", MaxPause))
	return errors.Join(problems...)
}
