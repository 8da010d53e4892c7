package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
)

// has asserts that all of it is there.
func has(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in:\n%s", w, text)
		}
	}
}

func TestPauseAndResume(t *testing.T) {
	a := newOperated(t)
	out, _, err := a.command("pause", "--reason", "switch firmware")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "keycloak is paused until", "(2h0m0s), by alice: switch firmware", "sitefence resume")
	p, err := contract.ParsePause(a.pause, time.Now())
	if err != nil || p == nil || p.By != "alice" || p.Until.Sub(p.Since) != 2*time.Hour {
		t.Fatalf("the parameter holds %s: %v", a.pause, err)
	}
	held := a.pause
	if _, _, err = a.command("pause", "--reason", "another"); err == nil || a.pause != held {
		t.Errorf("a second pause: %v, %s", err, a.pause)
	} else {
		has(t, err.Error(), "paused already", "by alice: switch firmware", "--force", "sitefence resume")
	}
	a.states.Put(awsfake.Run{Machine: fenceARN, Name: "fence-7", Status: "RUNNING", Started: time.Now()})
	out, _, err = a.command("pause", "--reason", "takes longer", "--for", "30m", "--by", "bob", "--force")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "(30m0s), by bob", "Before it was paused", "switch firmware", "fence-7 has begun and is finished anyway")
	out, _, err = a.command("resume", "--output", "json")
	var answer pauseAnswer
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil || answer.Paused || answer.Before == nil || answer.Before.By != "bob" || a.pause != "{}" {
		t.Errorf("resume: %s, %v, %s", out, err, a.pause)
	}
	out, _, err = a.command("resume")
	if err != nil || out != "keycloak was not paused.\n" {
		t.Errorf("a second resume: %q, %v", out, err)
	}
	a.pause = "oops"
	out, _, err = a.command("resume")
	if err != nil || a.pause != "{}" {
		t.Errorf("resume of a broken switch: %v, %s", err, a.pause)
	}
	has(t, out, "was not paused", "broken", "mended")
}

func TestPauseRefuses(t *testing.T) {
	a := newOperated(t)
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no reason":    {[]string{"pause"}, "--reason"},
		"long reason":  {[]string{"pause", "--reason", strings.Repeat("x", contract.MaxOrder+1)}, "--reason"},
		"for ever":     {[]string{"pause", "--reason", "x", "--for", "25h"}, "--for"},
		"no time":      {[]string{"pause", "--reason", "x", "--for", "0s"}, "--for"},
		"negative":     {[]string{"pause", "--reason", "x", "--for", "-2h"}, "--for"},
		"other output": {[]string{"pause", "--reason", "x", "--output", "xml"}, "--output"},
	} {
		_, _, err := a.command(tc.args...)
		if _, usage := errors.AsType[usageError](err); !usage || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want a usage error about %s", name, err, tc.want)
		}
	}
	if _, _, err := a.command("pause", "--reason", "x", "--deployment", "other"); err == nil || !strings.Contains(err.Error(), "keycloak") {
		t.Errorf("another deployment: %v", err)
	}
	delete(a.outputs, "PauseParameterKeycloak")
	if _, _, err := a.command("pause", "--reason", "x"); err == nil || !strings.Contains(err.Error(), "cdk deploy") {
		t.Errorf("a stack of an earlier release: %v", err)
	}
	if a.pause != "{}" {
		t.Errorf("something was written: %s", a.pause)
	}
}
