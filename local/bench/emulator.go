package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Emulator is how long a fence took in the deployed stack, with the machines' own
// time and without what they wait for by design: of a straight fence, nothing.
type Emulator struct {
	Pipeline Spread `json:"pipeline"` // webhook to accelerator write
	Offline  Spread `json:"offline"`  // from there to replication offline
}

// ReadEmulator takes it from the figures of `make bench-incident`, with the settings
// that Sitefence generates. It is nil where there are none.
func ReadEmulator(file string) (*Emulator, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var in struct {
		Settings []struct {
			Name  string
			Spans map[string]Spread // seconds
		}
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	for _, s := range in.Settings {
		pipeline, ok := s.Spans["pipeline"]
		offline, also := s.Spans["offline"]
		if s.Name == "sitefence" && ok && also {
			return &Emulator{pipeline.times(1000), offline.times(1000)}, nil
		}
	}
	return nil, fmt.Errorf("reading %s: it has no figures of the setting sitefence", file)
}

func (s Spread) times(factor float64) Spread {
	return Spread{s.Least * factor, s.Median * factor, s.Most * factor}
}
