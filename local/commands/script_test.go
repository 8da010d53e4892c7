package commands_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the expected output into the scripts")

// TestScripts is each script of the command as a test of its own.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("../../cmd/sitefence/testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	var ready []string
	for _, file := range scripts {
		if lacking := lacks(t, file); lacking != "" {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { t.Skipf("the stack has no output %s…", lacking) })
			continue
		}
		ready = append(ready, file)
	}
	t.Cleanup(healthChecks())
	testscript.RunT(inTurn{t}, testscript.Params{
		Files: ready, UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: setUpScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"alert": alert, "exitcode": exitcode, "link": link, "outcome": outcome, "read": read, "replication": replication, "rule": rule,
			"serving": serving, "site": site, "targets": targets, "topic": topic, "world": world, "write": write,
		},
	})
}

// inTurn runs scripts one after the other: they share the world.
type inTurn struct{ *testing.T }

func (inTurn) Parallel()     {}
func (inTurn) Verbose() bool { return testing.Verbose() }
func (t inTurn) Run(name string, f func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) { f(inTurn{t}) })
}

// lacks is the first output that the script's header needs and the stack has not.
func lacks(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	for lines := bufio.NewScanner(f); lines.Scan() && strings.HasPrefix(lines.Text(), "#"); {
		needs, ok := strings.CutPrefix(lines.Text(), "# needs: ")
		if !ok {
			continue
		}
		for _, need := range strings.Fields(needs) {
			if !hasOutput(need) {
				return need
			}
		}
	}
	return ""
}

func hasOutput(prefix string) bool {
	for key := range deployed.Outputs {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// setUpScript gives a script the command, a good world and a home of its own,
// and nothing of the user's.
func setUpScript(e *testscript.Env) error {
	home := filepath.Join(e.WorkDir, ".home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	e.Setenv("PATH", programs+string(os.PathListSeparator)+e.Getenv("PATH"))
	e.Setenv("CA_DIR", deployed.Dir)
	for name, value := range map[string]string{
		"HOME": home, "XDG_CACHE_HOME": home + "/cache", "XDG_CONFIG_HOME": home + "/config", "XDG_DATA_HOME": home + "/data",
		"SITEFENCE_LOCAL": handle, "CONFIG": filepath.Join(deployed.Dir, "sitefence.yaml"),
		"ACCELERATOR": deployed.Deployment("keycloak").Accelerator.DNSName,
		"PASSWORD":    webhookPassword, "USER": "tester", "NO_COLOR": "1",
	} {
		e.Setenv(name, value)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return reset(ctx)
}

// exitcode runs a command that must end with that code: `exitcode 2 command …`.
func exitcode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode code command [argument …]")
	}
	err := ts.Exec(args[1], args[2:]...)
	if got := fmt.Sprint(err); got != "exit status "+args[0] {
		ts.Fatalf("%v, want exit status %s", err, args[0])
	}
}
