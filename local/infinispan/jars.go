package infinispan

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed pom.xml
var pom []byte

const minJava = 17

// Available says what is missing for StartReal: Java 17 or newer and Maven. It
// runs `java -version` and touches no network.
func Available() error {
	var errs []error
	if _, err := exec.LookPath("mvn"); err != nil {
		errs = append(errs, errors.New("maven is missing: no mvn on the PATH"))
	}
	return errors.Join(append(errs, checkJava())...)
}

var javaVersion = regexp.MustCompile(`version "(?:1\.)?([0-9]+)`)

func checkJava() error {
	java, err := javaPath()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, java, "-version")
	cmd.Env = environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		// macOS has a java that only says where to download one.
		return fmt.Errorf("java does not run: %w: %s", err, strings.TrimSpace(string(out)))
	}
	m := javaVersion.FindSubmatch(out)
	if m == nil {
		return fmt.Errorf("java does not tell its version: %.200q", out)
	}
	if major, err := strconv.Atoi(string(m[1])); err != nil || major < minJava {
		return fmt.Errorf("java is too old: %s, want %d or newer", m[1], minJava)
	}
	return nil
}

// javaPath prefers JAVA_HOME, as mvn does: both must be the same Java.
func javaPath() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		path, err := exec.LookPath(filepath.Join(home, "bin", "java"))
		if err != nil {
			return "", fmt.Errorf("java is missing: JAVA_HOME is set to %s, which has no bin/java", home)
		}
		return path, nil
	}
	path, err := exec.LookPath("java")
	if err != nil {
		return "", errors.New("java is missing: none on the PATH, and no JAVA_HOME")
	}
	return path, nil
}

// environ is the whole environment of the children: only what Java and Maven
// need to find themselves and the user's Maven settings.
func environ() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "JAVA_HOME", "MAVEN_OPTS", "MAVEN_ARGS"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// loaderVersion is the release whose loader jar starts the given one: release
// 16 is on Maven Central without its own, and the older loader serves it.
func loaderVersion(version string) string {
	if major, _, _ := strings.Cut(version, "."); major == "16" {
		return "15.2.6.Final"
	}
	return version
}

// Setup fetches what StartReal needs of a release, unless it is in the cache
// folder already, so that no start has to.
func Setup(ctx context.Context, cacheDir, version string) error {
	opt, err := Options{CacheDir: cacheDir, Version: version}.complete(2)
	if err != nil {
		return err
	}
	_, err = jars(ctx, opt)
	return err
}

// jars returns the folder with the jars of a server, fetching them from Maven
// Central once. The folder appears whole or not at all: an interrupted run
// leaves only a temporary folder, which a later one removes. Runs beside each
// other may both fetch; one of them wins.
func jars(ctx context.Context, opt Options) (string, error) {
	if opt.CacheDir == "" {
		return "", errors.New("fetching Infinispan: no cache folder given")
	}
	home, err := filepath.Abs(filepath.Join(opt.CacheDir, "infinispan", opt.Version))
	if err != nil {
		return "", fmt.Errorf("finding the cache folder: %w", err)
	}
	lib := filepath.Join(home, "lib")
	if _, err := os.Stat(lib); err == nil {
		return lib, nil
	}
	if err := Available(); err != nil {
		return "", fmt.Errorf("fetching Infinispan: %w", err)
	}
	opt.Progress("fetching Infinispan " + opt.Version + " from Maven Central (60 MB, once)")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("making the cache folder: %w", err)
	}
	removeAbandoned(home)
	temp, err := os.MkdirTemp(home, "fetching-")
	if err != nil {
		return "", fmt.Errorf("making a folder for the jars: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	if err := fetch(ctx, temp, opt.Version); err != nil {
		return "", fmt.Errorf("fetching Infinispan %s: %w", opt.Version, err)
	}
	if err := os.Rename(filepath.Join(temp, "lib"), lib); err != nil {
		if _, other := os.Stat(lib); other == nil {
			return lib, nil // a run beside this one was faster
		}
		return "", fmt.Errorf("putting the jars in place: %w", err)
	}
	return lib, nil
}

// fetch has Maven copy the jars to temp/lib.
func fetch(ctx context.Context, temp, version string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	file := filepath.Join(temp, "pom.xml")
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "mvn", "--quiet", "--batch-mode", "--file", file,
		"dependency:copy-dependencies", "-DincludeScope=runtime",
		"-DoutputDirectory="+filepath.Join(temp, "lib"),
		"-Dserver.version="+version, "-Dloader.version="+loaderVersion(version))
	cmd.Dir, cmd.Env = temp, environ()
	// mvn is a shell script around Java: only its whole group ends both.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn: %w\n%s", errors.Join(context.Cause(ctx), err), out[max(0, len(out)-3000):])
	}
	return nil
}

// removeAbandoned clears what interrupted runs left; a fetch takes minutes at
// most, so what is an hour old belongs to nobody.
func removeAbandoned(home string) {
	dirs, _ := filepath.Glob(filepath.Join(home, "fetching-*"))
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(dir)
		}
	}
}
