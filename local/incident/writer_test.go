package incident_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/incident"
)

// TestFirstWorking: however late a break has its effect, a write that went through
// before it is not one that works again; and none that works again is overlooked.
func TestFirstWorking(t *testing.T) {
	epoch := time.Now()
	at := func(millis int) time.Time { return epoch.Add(time.Duration(millis) * time.Millisecond) }
	write := func(began, ended int, err error) incident.Write {
		return incident.Write{Began: at(began), Ended: at(ended), Err: err}
	}
	lost := errors.New("the other site does not answer")
	// Of a slow break: a write that began 1.2 s after it still went through.
	slow := []incident.Write{
		write(-200, -190, nil), write(200, 210, nil), write(1200, 1230, nil),
		write(1400, 6000, lost), write(1600, 6000, lost), write(6200, 6210, lost), write(9000, 9010, nil), write(9200, 9210, nil),
	}
	for name, tt := range map[string]struct {
		done, blind int // blind 0: it sees the other still, or is not asked
		tries       []incident.Write
		want        int // 0: none
	}{
		"slow, then blind":                  {done: 6500, blind: 6050, tries: slow, want: 9010},
		"slow, sees the other":              {done: 1300, tries: slow, want: 9010},
		"done is late, a write failed":      {done: 8000, tries: slow, want: 9010},
		"done and blind late, one failed":   {done: 60000, blind: 50000, tries: slow, want: 9010},
		"none has failed yet":               {done: 1300, tries: slow[:3]},
		"no write was tried while it lasts": {done: 6500, blind: 6050, tries: append(slow[:3:3], slow[6:]...), want: 9010},
		"one hung and went through":         {done: 1300, tries: []incident.Write{write(200, 210, nil), write(1200, 9500, nil), write(9200, 9210, nil)}, want: 9210},
		"one works that must not":           {done: 1300, blind: 6050, tries: []incident.Write{write(1400, 6000, lost), write(4000, 4010, nil)}, want: 4010},
		"of before the break only":          {done: 10, tries: []incident.Write{write(-200, -190, nil), write(-100, -90, lost)}},
	} {
		t.Run(name, func(t *testing.T) {
			var blind, want time.Time
			if tt.blind > 0 {
				blind = at(tt.blind)
			}
			if tt.want > 0 {
				want = at(tt.want)
			}
			if got, ok := incident.FirstWorking(at(0), at(tt.done), blind, tt.tries); !got.Equal(want) || ok != (tt.want > 0) {
				t.Errorf("works again after %v, %t; want %v", got.Sub(epoch), ok, want.Sub(epoch))
			}
		})
	}
}
