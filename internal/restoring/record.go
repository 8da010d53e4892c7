package restoring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
)

// Record is what fences took out of the accelerator and no rejoin has put back.
type Record struct {
	Fences      []string // names, the newest first
	Survivor    contract.Site
	Accelerator string // the name by which the alert knew it
	Endpoints   []contract.Endpoint
	// Backup is "none" when the survivor has no Infinispan.
	Backup string
}

// ErrNoRecord is when no execution that Step Functions still has tells what was
// removed.
var ErrNoRecord = errors.New("no fence of it is on record (Step Functions forgets after 90 days): name what goes back by --endpoint, or the fence by --record")

// mostFences bounds how many fences are read.
const mostFences = 200

// FindRecord reads the fences, the newest first, back to the last rejoin of the
// site. Several may have removed something: one that stopped halfway, and the one
// that was replayed after it. One that ended well proved the site absent, so what
// later ones removed had been put back meanwhile: by a rejoin that stopped halfway,
// or by hand, and then the older record is of a time that is over.
func FindRecord(ctx context.Context, client Client, fences []Run, site contract.Site) (Record, error) {
	var record Record
	halfBack := false
	for _, run := range fences[:min(len(fences), mostFences)] {
		e, err := history.Describe(ctx, client, run.ARN)
		if awserr.Code(err) == "ExecutionDoesNotExist" {
			continue // forgotten since it was listed
		}
		if err != nil {
			return Record{}, err
		}
		in := e.In()
		if in.Site != site || in.DryRun {
			continue
		}
		if !e.Closed() {
			return Record{}, fmt.Errorf("%s is running for %s: wait for its end (sitefence status --watch)", e.Name, site)
		}
		if e.Kind() == history.Rejoined {
			if len(record.Fences) == 0 {
				return Record{}, fmt.Errorf("%s is not fenced: %s put it back, and no fence came after", site, e.Name)
			}
			break
		}
		if in.Operation == contract.OperationRejoin {
			halfBack = true
			continue
		}
		if e.Kind() == history.Fenced && len(record.Endpoints) > 0 && !halfBack {
			break
		}
		endpoints, err := removed(ctx, client, e)
		if err != nil {
			return Record{}, err
		}
		if e.Kind() == history.Fenced || len(endpoints) > 0 {
			record.add(e, endpoints)
			halfBack = halfBack && len(endpoints) == 0
		}
	}
	if len(record.Endpoints) == 0 {
		return Record{}, fmt.Errorf("%s: %w", site, ErrNoRecord)
	}
	return record, nil
}

// add keeps what a newer fence said of the same endpoint.
func (r *Record) add(e history.Execution, endpoints []contract.Endpoint) {
	if len(r.Fences) == 0 {
		in, out := e.In(), e.Out()
		r.Survivor, r.Accelerator = in.Reporter, in.Accelerator
		if out.Replication != nil {
			r.Backup = out.Replication.Backup
		}
	}
	r.Fences = append(r.Fences, e.Name)
	for _, p := range endpoints {
		if !slices.ContainsFunc(r.Endpoints, func(q contract.Endpoint) bool { return q.Group == p.Group && q.Endpoint == p.Endpoint }) {
			r.Endpoints = append(r.Endpoints, p)
		}
	}
}

// removed is the record of one fence. One that failed after it began has its last
// looks in its history only.
func removed(ctx context.Context, client Client, e history.Execution) ([]contract.Endpoint, error) {
	if e.Kind() == history.Fenced {
		return e.Out().Record, nil
	}
	if e.Kind().EndedWell() {
		return nil, nil
	}
	events, err := history.Events(ctx, client, e.ARN, 0)
	if err != nil {
		return nil, err
	}
	var seen Record
	begun := false
	for _, event := range slices.Backward(events) {
		begun = begun || event.State == "UpdateAccelerator"
		if event.Kind != history.Left || event.State != "CheckHealth" || !begun {
			continue
		}
		var check struct{ Record []contract.Endpoint }
		if json.Unmarshal([]byte(event.Output), &check) == nil {
			seen.add(history.Execution{}, check.Record)
		}
	}
	return seen.Endpoints, nil
}

// RecordOf is the record of the fence of that name alone.
func RecordOf(ctx context.Context, client Client, fences []Run, name string, site contract.Site) (Record, error) {
	i := slices.IndexFunc(fences, func(r Run) bool { return r.Name == name })
	if i < 0 {
		return Record{}, fmt.Errorf("there is no execution %.60q, or Step Functions has forgotten it", name)
	}
	e, err := history.Describe(ctx, client, fences[i].ARN)
	if err != nil {
		return Record{}, err
	}
	if got := e.In().Site; got != site {
		return Record{}, fmt.Errorf("%s was about %.60q, not %s", name, got, site)
	}
	endpoints, err := removed(ctx, client, e)
	if err != nil {
		return Record{}, err
	}
	if len(endpoints) == 0 {
		return Record{}, fmt.Errorf("%s removed nothing that it tells of", name)
	}
	var record Record
	record.add(e, endpoints)
	return record, nil
}
