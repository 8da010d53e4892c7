package bench_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/bench"
	"github.com/sitefence/sitefence/local/bench/storm"
)

const trip = 20 * time.Millisecond

var epoch = time.Unix(1000, 0)

// call is one that was opened, arrived and was answered after so many milliseconds;
// opened below 0: its connection was there before.
func call(opened, arrived, answered int) bench.Call {
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	return bench.Call{Service: "s", Operation: "O", New: opened >= 0, Opened: at(opened), Arrived: at(arrived), Answered: at(answered)}
}

func TestSequence(t *testing.T) {
	for _, tt := range []struct {
		name  string
		calls []bench.Call
		want  int
	}{
		{"none", nil, 0},
		{"one after the other", []bench.Call{call(0, 40, 60), call(-1, 61, 81), call(-1, 82, 102)}, 3},
		{"side by side", []bench.Call{call(-1, 0, 20), call(-1, 1, 21), call(-1, 2, 22)}, 1},
		{"one that waits for a connection, beside two", []bench.Call{call(0, 41, 61), call(-1, 0, 20), call(-1, 21, 41)}, 2},
		{"over a connection that was opened ahead of its use", []bench.Call{call(-1, 0, 20), call(-1, 21, 41), call(-1, 42, 62), call(0, 63, 83)}, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := bench.Sequence(tt.calls, trip); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestSpread(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		all  []time.Duration
		want bench.Spread
	}{
		{nil, bench.Spread{}},
		{[]time.Duration{3 * ms}, bench.Spread{Least: 3, Median: 3, Most: 3}},
		{[]time.Duration{9 * ms, 1 * ms, 5 * ms, 7 * ms}, bench.Spread{Least: 1, Median: 6, Most: 9}},
	} {
		if got := bench.SpreadOf(tt.all); got != tt.want {
			t.Errorf("of %v: %v, want %v", tt.all, got, tt.want)
		}
	}
}

func TestReadBench(t *testing.T) {
	const text = "goos: linux\nBenchmarkWebhook/alerts=10 \t 2797\t 400000 ns/op\t 15704 B/op\t 140 allocs/op\n" +
		"BenchmarkWebhook/alerts=10 \t 2797\t 300000 ns/op\t 15704 B/op\t 140 allocs/op\n" +
		"BenchmarkWebhook/alerts=10 \t 2797\t 500000 ns/op\t 15704 B/op\t 140 allocs/op\n" +
		"BenchmarkDecode/alerts=10 \t 22149\t 59194 ns/op\t  41.74 MB/s\t 744 B/op\t 5 allocs/op\nPASS\n"
	got, err := bench.ReadBench(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []bench.Benchmark{{"Webhook/alerts=10", 400000, 15704, 140}, {"Decode/alerts=10", 59194, 744, 5}}
	if diff := cmp.Diff(want, got.Benchmarks); diff != "" {
		t.Errorf("benchmarks (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "PASS\n", "BenchmarkX 10 many ns/op 1 B/op\n"} {
		if _, err := bench.ReadBench(bad); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}

func TestRender(t *testing.T) {
	const page = "# Title\n<!-- bench one -->\nold\n<!-- end -->\nby hand\n<!-- bench two -->\n<!-- end -->\n"
	got, err := bench.Render(page, map[string]string{"one": "new $1\n", "two": "also\n"})
	if want := "# Title\n<!-- bench one -->\nnew $1\n<!-- end -->\nby hand\n<!-- bench two -->\nalso\n<!-- end -->\n"; err != nil || got != want {
		t.Errorf("got %v:\n%s\nwant:\n%s", err, got, want)
	}
	if again, err := bench.Render(got, map[string]string{"one": "new $1\n", "two": "also\n"}); err != nil || again != got {
		t.Errorf("a second time: %v:\n%s", err, again)
	}
	_, err = bench.Render(page, map[string]string{"one": "x", "three": "y"})
	if err == nil || !strings.Contains(err.Error(), `place for "two"`) || !strings.Contains(err.Error(), `no place for "three"`) {
		t.Errorf("got %v, want both said", err)
	}
}

// result has all that a page needs; its fences take so many milliseconds.
func result(written, proven float64) bench.Result {
	kind := bench.Kind{Written: bench.Spread{Median: written}, Proven: bench.Spread{Median: proven}, SequenceWritten: 11, MostWritten: 4, Guard: 7, Fence: 9,
		Parts: []bench.Part{{Function: "ingest", Duration: bench.Spread{Most: 100}, Init: bench.Spread{Median: 41}, Spare: 4}}}
	point := bench.Point{Cold: kind, Warm: kind, Resident: []bench.Resident{{"ingest", 39_000_000}}}
	small := point
	small.Memory = 128
	return bench.Result{Trip: 20, Fences: []bench.Point{point, small}, Scale: []storm.Report{{Fenced: 100}, {Fenced: 99}},
		Binaries: []bench.Binary{{"ingest", "arm64", 9_000_000, 4_100_000}, {"ingest", "amd64", 9_900_000, 3_900_000}},
		Ingest:   bench.Ingest{Limited: true, Besides: bench.Door{Used: 0.5003, P99: 4.9}, Put: bench.Door{P99: 4.8}, ByAlerts: []bench.Webhook{{1000, bench.Spread{Median: 61}}}}}
}

// TestTargets: what is met and what is missed follows from what was measured.
func TestTargets(t *testing.T) {
	verdicts := func(r bench.Result) map[string]bool {
		all := map[string]bool{}
		for _, target := range r.Targets() {
			all[target.What] = target.Met()
		}
		return all
	}
	slow := verdicts(result(281, 1001))
	want := map[string]bool{
		"start of a function (ingest)": false, "binary (ingest, amd64)": true, "zip (ingest, arm64)": false, "memory after a warm invocation (ingest)": true,
		"calls in sequence to the accelerator write, warm": true, "calls in sequence to the accelerator write, cold": true,
		"calls in sequence in one function, to the write": true,
		"webhook to accelerator write, warm":              false, "webhook to accelerator write, cold": true,
		"webhook to replication proven offline, warm": false, "webhook to replication proven offline, cold": false,
		"128 MB: webhook to accelerator write, cold": true, "128 MB: webhook to replication proven offline, cold": true,
		"128 MB: a function's timeout holds its longest run":               false,
		"webhooks that a second of one CPU is enough for, besides the bus": false, "webhook besides the bus, p99": true, "webhook of 1000 alerts besides the bus": false,
		"ten times the alerts: the cost grows by": false, "ten times the deployments: the cost grows by": false,
		"states of the guard machine": true, "states of the fence machine": false,
		"a hundred deployments at once: fenced": false,
	}
	if diff := cmp.Diff(want, slow); diff != "" {
		t.Errorf("of slow functions (-want +got):\n%s", diff)
	}
	if fast := verdicts(result(280, 450)); !fast["webhook to accelerator write, warm"] || !fast["webhook to replication proven offline, cold"] {
		t.Errorf("of fast functions: %v", fast)
	}
}

// TestNotMeasured: what could not be measured is neither met nor left out.
func TestNotMeasured(t *testing.T) {
	r := result(1, 1)
	r.Fences, r.Ingest.Limited, r.Machine.Limit, r.Ingest.Besides.Used = r.Fences[:1], false, "not limited: no cgroup", 0
	for _, target := range r.Targets() {
		if strings.HasPrefix(target.What, "128 MB") && (target.Met() || !strings.Contains(target.Missing, "no cgroup")) {
			t.Errorf("%s: met %t, missing %q", target.What, target.Met(), target.Missing)
		}
		if strings.HasPrefix(target.What, "webhooks that a second") && (target.Met() || target.Missing == "") {
			t.Errorf("%s: met %t, though no CPU time is known", target.What, target.Met())
		}
	}
	r.Scale = nil
	if got := r.Summary(); !strings.Contains(got, "not measured: the CPU was not limited: no cgroup") || !strings.Contains(got, "not measured: no simulation") {
		t.Errorf("the summary does not say so:\n%s", got)
	}
}

// TestLinear: ten times the alerts may take about ten times as long.
func TestLinear(t *testing.T) {
	for _, tt := range []struct {
		nanos [3]string
		met   bool
	}{
		{[3]string{"100", "900", "9000"}, true},
		{[3]string{"100", "1000", "13000"}, false},
		{[3]string{"100", "1300", "13000"}, false},
	} {
		var text strings.Builder
		for i, n := range []string{"10", "100", "1000"} {
			text.WriteString("BenchmarkWebhook/alerts=" + n + " 1 " + tt.nanos[i] + " ns/op\n")
		}
		r := result(1, 1)
		var err error
		if r.Micro, err = bench.ReadBench(text.String()); err != nil {
			t.Fatal(err)
		}
		for _, target := range r.Targets() {
			if strings.HasPrefix(target.What, "ten times the alerts") && target.Met() != tt.met {
				t.Errorf("%v: got %v, want met %t", tt.nanos, target, tt.met)
			}
		}
	}
}

// readable fails on a picture that is no XML.
func readable(t *testing.T, picture []byte) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(string(picture))); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v\n%s", err, picture)
		}
	}
}

// TestFiles: the page, the figures and the picture are there, and can be read.
func TestFiles(t *testing.T) {
	r := result(1, 1)
	var page strings.Builder
	for name := range r.Blocks() {
		page.WriteString("<!-- bench " + name + " -->\n<!-- end -->\n")
	}
	files, err := r.Files(page.String())
	if err != nil {
		t.Fatal(err)
	}
	var read bench.Result
	if err := json.Unmarshal(files["img/bench.json"], &read); err != nil || read.Ingest.Besides.Used != 0.5003 {
		t.Errorf("the figures: %v, %v", err, read.Ingest)
	}
	readable(t, files["img/fence.svg"])
	if !strings.Contains(string(files["performance.md"]), "| webhooks that a second of one CPU is enough for, besides the bus | ≥ 2000 | 1999 | **missed** |") {
		t.Errorf("the page:\n%s", files["performance.md"])
	}
}

// TestReadEmulator: figures that are there are read, and none are invented.
func TestReadEmulator(t *testing.T) {
	file := filepath.Join(t.TempDir(), "incident.json")
	if got, err := bench.ReadEmulator(file); got != nil || err != nil {
		t.Errorf("without a file: %v, %v", got, err)
	}
	for content, want := range map[string]*bench.Emulator{
		`{"settings":[{"name":"guide","spans":{"pipeline":{"median":9},"offline":{}}},
		  {"name":"sitefence","spans":{"pipeline":{"least":0.25,"median":0.5,"most":1},"offline":{"median":2}}}]}`: {
			Pipeline: bench.Spread{Least: 250, Median: 500, Most: 1000}, Offline: bench.Spread{Median: 2000}},
		`{"settings":[]}`: nil,
		`{`:               nil,
	} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := bench.ReadEmulator(file)
		if diff := cmp.Diff(want, got); diff != "" || (err != nil) != (want == nil) {
			t.Errorf("%s: %v (-want +got):\n%s", content, err, diff)
		}
	}
}
