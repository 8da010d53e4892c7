package bench

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Machine is where was measured.
type Machine struct {
	CPU    string  `json:"cpu"`
	CPUs   int     `json:"cpus"`
	System string  `json:"system"`
	Go     string  `json:"go"`
	Limit  string  `json:"limit"` // how the CPU was limited
	Load   string  `json:"load"`  // when it began: of 1, 5 and 15 minutes
	When   string  `json:"when"`
	Memory float64 `json:"memory,omitempty"` // GB
}

// Describe is this machine, now.
func Describe() Machine {
	m := Machine{CPU: runtime.GOARCH, CPUs: runtime.NumCPU(), System: runtime.GOOS, Go: runtime.Version(),
		When: time.Now().UTC().Format(time.DateOnly)}
	if model := field("/proc/cpuinfo", "model name"); model != "" {
		m.CPU = model + ", " + runtime.GOARCH
	}
	if out, err := exec.Command("uname", "-sr").Output(); err == nil {
		m.System = strings.TrimSpace(string(out))
	}
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(data))[:3], " ")
	}
	var kilobytes float64
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%f kB", &kilobytes); err == nil {
		m.Memory = float64(int(kilobytes/(1<<20)*10)) / 10
	}
	return m
}

// field is the first value of that name in a file of "name: value" lines.
func field(file, name string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
