package contract_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const goodPause = `{"reason":"maintenance","by":"alice","since":"2026-11-24T11:00:00Z","until":"2026-11-24T13:00:00Z"}`

func TestParsePause(t *testing.T) {
	with := func(old, text string) string {
		if !strings.Contains(goodPause, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(goodPause, old, text, 1)
	}
	for name, tc := range map[string]struct {
		value  string
		paused bool
		wrong  string // part of the error
	}{
		"nothing":                    {"{}", false, ""},
		"nothing, with space":        {" {\n} ", false, ""},
		"a pause":                    {goodPause, true, ""},
		"a field of a later release": {with(`{`, `{"ticket":"OPS-1",`), true, ""},
		"over by a nanosecond":       {with("13:00:00Z", "12:00:00Z"), false, ""},
		"over in a nanosecond":       {with("13:00:00Z", "12:00:00.000000001Z"), true, ""},
		"over":                       {with("13:00:00Z", "11:30:00Z"), false, ""},
		"an offset":                  {with("13:00:00Z", "14:30:00+02:00"), true, ""},
		"a day":                      {with("2026-11-24T13:00:00Z", "2026-11-25T11:00:00Z"), true, ""},
		"a clock that is ahead":      {with("11:00:00Z", "12:05:00Z"), true, ""},

		"empty":                  {"", false, "one JSON object"},
		"null":                   {"null", false, "one JSON object"},
		"a list":                 {"[]", false, "one JSON object"},
		"a text":                 {`"paused"`, false, "one JSON object"},
		"true":                   {"true", false, "one JSON object"},
		"cut":                    {goodPause[:60], false, "one JSON object"},
		"a brace too many":       {goodPause + "}", false, "one JSON object"},
		"a bracket too many":     {"{}]", false, "one JSON object"},
		"two of them":            {goodPause + goodPause, false, "one JSON object"},
		"words behind it":        {goodPause + " until tomorrow", false, "one JSON object"},
		"no time":                {with("2026-11-24T13:00:00Z", "13:00"), false, "one JSON object"},
		"a number for a reason":  {with(`"maintenance"`, "7"), false, "one JSON object"},
		"too long":               {with("maintenance", strings.Repeat("x", 4096)), false, "at most 4096"},
		"only unknown fields":    {`{"paused":true}`, false, "until"},
		"a slip in a field":      {with("until", "till"), false, "until"},
		"no reason":              {with("maintenance", ""), false, "reason"},
		"a long reason":          {with("maintenance", strings.Repeat("x", 513)), false, "reason"},
		"nobody":                 {with(`"alice"`, `""`), false, "by"},
		"a long name":            {with("alice", strings.Repeat("x", 513)), false, "by"},
		"no beginning":           {with(`"2026-11-24T11:00:00Z"`, "null"), false, "since"},
		"no end":                 {with(`"2026-11-24T13:00:00Z"`, "null"), false, "until"},
		"ends before it begins":  {with("13:00:00Z", "10:00:00Z"), false, "until"},
		"longer than a day":      {with("2026-11-24T13:00:00Z", "2026-11-25T11:00:00.000000001Z"), false, "until"},
		"begins in an hour":      {with("11:00:00Z", "12:59:00Z"), false, "since"},
		"a day, next year":       {`{"reason":"x","by":"y","since":"2027-11-24T11:00:00Z","until":"2027-11-25T11:00:00Z"}`, false, "since"},
		"ahead by a bit too far": {with("11:00:00Z", "12:05:00.000000001Z"), false, "since"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := contract.ParsePause(tc.value, noon)
			if (p != nil) != tc.paused || (err != nil) != (tc.wrong != "") {
				t.Fatalf("got %v, %v", p, err)
			}
			if err != nil && (!strings.Contains(err.Error(), tc.wrong) || !strings.Contains(err.Error(), "the pause parameter: ")) {
				t.Errorf("got %q, want %q named", err, tc.wrong)
			}
		})
	}
}

// FuzzParsePause: what counts as a pause is bounded, whatever is in the parameter.
func FuzzParsePause(f *testing.F) {
	for _, seed := range []string{"{}", goodPause, "null", goodPause + "}", `{"until":"9999-12-31T23:59:59Z"}`, "[", `{"Reason":"x","reason":""}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		p, err := contract.ParsePause(value, noon)
		if err != nil {
			if p != nil || len(err.Error()) > 1000 {
				t.Fatalf("got %v beside %v", p, err)
			}
			return
		}
		if !json.Valid([]byte(value)) {
			t.Fatal("taken, and no JSON")
		}
		if p == nil {
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		if !noon.Before(p.Until) || p.Until.Sub(noon) > contract.MaxPause+5*time.Minute {
			t.Fatalf("paused until %s at %s", p.Until, noon)
		}
		// The command writes it back as it was.
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > contract.MaxPauseValue {
			return // six bytes for each of its characters
		}
		q, err := contract.ParsePause(string(again), noon)
		if err != nil || q == nil || !q.Until.Equal(p.Until) || q.Reason != p.Reason || q.By != p.By {
			t.Fatalf("%s becomes %v, %v", again, q, err)
		}
	})
}
