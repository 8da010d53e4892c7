package abuse_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

var figuresFile = flag.String("figures", "", "write the measured figures to this Markdown file")

// TestMain builds the function once, as the product does, and writes the figures.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if testing.Short() || runtime.GOOS != "linux" {
		fmt.Println("abuse: skipped: it takes half a minute, and the product's binary is Linux's")
		return 0
	}
	if out, err := build(); err != nil {
		fmt.Printf("abuse: building the functions: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if *figuresFile != "" {
		if err := os.WriteFile(*figuresFile, []byte(figures.table()), 0o644); err != nil {
			fmt.Println("abuse:", err)
			return 1
		}
	}
	return code
}

var root = filepath.Join("..", "..")

func build() ([]byte, error) {
	cmd := exec.Command("go", "run", "./cmd/buildfunctions", "-arch", runtime.GOARCH)
	cmd.Dir = root
	return cmd.CombinedOutput()
}

// bootstrap is the binary that is deployed.
func bootstrap() string {
	return filepath.Join(root, "build", "functions", runtime.GOARCH, "ingest", "bootstrap")
}

// ledger are the figures of a run, for the documents.
type ledger struct {
	mu    sync.Mutex
	lines []string
}

var figures ledger

// figure logs and keeps a figure.
func figure(t *testing.T, what, format string, args ...any) {
	t.Helper()
	value := fmt.Sprintf(format, args...)
	t.Logf("%s: %s", what, value)
	figures.mu.Lock()
	defer figures.mu.Unlock()
	figures.lines = append(figures.lines, fmt.Sprintf("| %s | %s |", what, value))
}

func (l *ledger) table() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.lines) // the tests' order is random
	return "| what | measured |\n| --- | --- |\n" + strings.Join(l.lines, "\n") + "\n"
}
