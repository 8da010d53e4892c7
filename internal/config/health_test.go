package config_test

import (
	"strings"
	"testing"
)

// TestHealthURL: a path is allowed, nothing that could be a secret is.
func TestHealthURL(t *testing.T) {
	with := func(value string) string {
		return strings.Replace(good, "      - name: site-b\n", "      - name: site-b\n        healthUrl: "+value+"\n", 1)
	}
	for _, value := range []string{
		"https://kc.example.com/health/ready", "https://kc.example.com:8443/lb-check", "https://kc.example.com", "https://kc.example.com/", "https://10.0.0.1/a%20b",
	} {
		c, err := load(t, with(value))
		if err != nil || c.Deployments[0].Sites[1].HealthURL != value {
			t.Errorf("%s: %v", value, err)
		}
	}
	for _, value := range []string{
		"http://kc.example.com/health", "https://user:pass@kc.example.com/health", "https://kc.example.com/health?token=x", `"https://kc.example.com/#x"`,
		"https:///health", "https://kc.example.com:0/health", "/health", "kc.example.com", "7", `"https://kc.example.com/a b"`, "https://kc.example.com:/x",
		"https://kc.example.com/" + strings.Repeat("x", 1024),
	} {
		_, err := load(t, with(value))
		if err == nil || !strings.Contains(err.Error(), "deployments[0].sites[1].healthUrl: got ") || strings.Contains(err.Error(), "pass@") || strings.Contains(err.Error(), "token") {
			t.Errorf("%.60s: got %v", value, err)
		}
	}
	twice := strings.Replace(with("https://kc.example.com/x"), "      - name: site-a\n", "      - name: site-a\n        healthUrl: https://kc.example.com/x\n", 1)
	if _, err := load(t, twice); err == nil || !strings.Contains(err.Error(), "healthUrl") {
		t.Errorf("the same URL for two sites: %v", err)
	}
}
