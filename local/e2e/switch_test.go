package e2e_test

import "time"

// switchSteps adds the case of the pause parameter: a check that may not read it
// goes on, since a broken switch must not prevent a fence, and its log says so.
func switchSteps(all map[string]step) {
	all["checkhealth ReadPause ssm:GetParameter"] = step{prepare: bothPresent, run: checkHealth, instead: checkWithoutSwitch}
}

func checkWithoutSwitch(s *scene, name string, p permission) string {
	since := time.Now().UnixMilli()
	if failure := checkHealth(s, name, p); failure != "" {
		return "the check failed: " + failure
	}
	log, err := logText(s.ctx, "/sitefence-trio-checkhealth-", since)
	s.must(err)
	return lineWith(log, "ssm:GetParameter")
}
