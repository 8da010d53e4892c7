package bench

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// period is over which the kernel measures what a function uses of its share. A
// longer one would let a short invocation through unlimited.
const period = 20 * time.Millisecond

// Shares makes cgroups that limit the CPU, of either version of the kernel's
// interface. A nil Shares makes none.
type Shares struct {
	parent string
	second bool // cgroup v2
}

func (s *Shares) String() string {
	version := "cgroup v1, cpu.cfs_quota_us"
	if s.second {
		version = "cgroup v2, cpu.max"
	}
	return fmt.Sprintf("memory/%d of a CPU in each %s (%s)", FullCore, period, version)
}

// FindShares looks for a place where a cgroup can be made, and proves that one can.
func FindShares() (*Shares, error) {
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, errors.New("this system has no cgroups")
	}
	defer mounts.Close() //nolint:errcheck // read only
	var problems []error
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(kind) < 3 {
			continue
		}
		options := "," + kind[2] + ","
		first := kind[0] == "cgroup" && strings.Contains(options, ",cpu,")
		if !first && kind[0] != "cgroup2" {
			continue
		}
		for _, parent := range []string{filepath.Join(fields[4], own(first)), fields[4]} {
			s := &Shares{parent, !first}
			made, err := s.New("probe", FullCore)
			if err == nil {
				made.Close()
				return s, nil
			}
			problems = append(problems, err)
		}
	}
	if len(problems) == 0 {
		return nil, errors.New("no cgroup file system is mounted that limits the CPU")
	}
	return nil, fmt.Errorf("no cgroup can be made here: %w", problems[len(problems)-1])
}

// own is this process's cgroup, of version 1 for the CPU or of version 2.
func own(first bool) string {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "/"
	}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if first && strings.Contains(","+parts[1]+",", ",cpu,") || !first && parts[0] == "0" {
			return parts[2]
		}
	}
	return "/"
}

// Share is one cgroup.
type Share struct{ dir string }

// New makes a cgroup with the CPU share that Lambda gives to a memory size.
func (s *Shares) New(name string, memory int) (*Share, error) {
	dir := filepath.Join(s.parent, fmt.Sprintf("sitefence-bench-%d-%s", os.Getpid(), name))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	made := &Share{dir}
	quota := period.Microseconds() * int64(memory) / FullCore
	if err := made.limit(quota, s.second); err != nil {
		made.Close()
		return nil, fmt.Errorf("limiting the CPU: %w", err)
	}
	return made, nil
}

func (s *Share) limit(quota int64, second bool) error {
	if second {
		return s.write("cpu.max", fmt.Sprintf("%d %d", quota, period.Microseconds()))
	}
	if err := s.write("cpu.cfs_period_us", strconv.FormatInt(period.Microseconds(), 10)); err != nil {
		return err
	}
	return s.write("cpu.cfs_quota_us", strconv.FormatInt(quota, 10))
}

func (s *Share) write(name, value string) error {
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// Launch is what makes a process a part of the cgroup before it becomes the
// function: a shell, about a millisecond, that is measured with it.
func (s *Share) Launch() []string {
	return []string{"/bin/sh", "-c", `echo $$ >"$0" && exec "$1"`, filepath.Join(s.dir, "cgroup.procs")}
}

// Throttled is in how many periods the share was used up.
func (s *Share) Throttled() int {
	data, _ := os.ReadFile(filepath.Join(s.dir, "cpu.stat"))
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "nr_throttled "); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(value))
			return n
		}
	}
	return 0
}

// Close removes the cgroup. The processes in it must have ended; the kernel may
// take a moment to notice.
func (s *Share) Close() {
	for range 100 {
		if err := os.Remove(s.dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
