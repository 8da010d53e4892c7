// Package storm simulates many deployments of one account that all lose a link in
// the same second, against AWS's quotas.
package storm

// EnvReport names the file that takes the report.
const EnvReport = "SITEFENCE_STORM_REPORT"

// Report is what was seen. Times are in seconds.
type Report struct {
	Deployments int `json:"deployments"`
}

// Markdown is the report for a reader.
func (r Report) Markdown() string { return "" }
