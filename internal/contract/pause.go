package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

// ParsePause reads the parameter's value. It is nil for `{}`, which says that
// nothing is paused, and for a pause that is over. What is malformed is an error
// and no pause: a broken switch must not prevent a fence.
func ParsePause(value string, now time.Time) (*Pause, error) {
	var p *Pause
	d := json.NewDecoder(strings.NewReader(value))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf("the pause parameter: got no JSON of a pause: %.200w", err)
	}
	if d.More() || p == nil {
		return nil, errors.New("the pause parameter: want one JSON object")
	}
	if *p == (Pause{}) {
		return nil, nil
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if !now.Before(p.Until) {
		return nil, nil
	}
	return p, nil
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
