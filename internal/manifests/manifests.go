// Package manifests makes what each site's cluster needs to tell Sitefence that
// it cannot see another site: the alert's rules, Alertmanager's route to the
// ingest URL, and its credentials.
//
// It is a pure function of values: the same input gives the same bytes, nothing
// is read and nothing is written. A configuration that internal/config accepted
// gives objects that Kubernetes, the Prometheus operator, Prometheus and
// Alertmanager accept; anything else is refused with the field's name, and then
// nothing at all is returned. The password appears in the Secret only.
package manifests

import (
	"time"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/secret"
)

// Platform is what runs Prometheus in the site's cluster.
type Platform string

// The platforms of Kubernetes.
const (
	// OpenShift is user workload monitoring.
	OpenShift Platform = "openshift"
	// Operator is a plain Prometheus operator.
	Operator Platform = "operator"
)

// Defaults of an Input's fields.
const (
	DefaultNamespace    = "keycloak"
	DefaultPasswordFile = "/etc/alertmanager/sitefence-password"      //nolint:gosec // a path
	DefaultRunbookURL   = config.DefaultRunbooks + "/site-offline.md" // unless the configuration says where they are
)

// PasswordPlaceholder is the Secret's password when the Input has none.
const PasswordPlaceholder = "REPLACE-WITH-THE-PASSWORD-OF-THE-WEBHOOK" //nolint:gosec // no password

// Input is what the manifests of one site are made of. Config, Site and
// IngestURL are required; every other zero value has a default.
type Input struct {
	Config config.Config // as config.Load returned it
	// Deployment is the deployment's name; empty when there is only one.
	Deployment string
	// Site is the reporter: the site whose cluster the manifests are for.
	Site contract.Site
	// IngestURL is where Alertmanager posts: the stack's output IngestUrl. It is
	// https; http is for a loopback address only.
	IngestURL string
	// RunbookURL is what the alert's annotation says; the configuration's, or DefaultRunbookURL.
	RunbookURL string
	// Timing is Defaults() when it is zero.
	Timing Timing

	// Platform is OpenShift when it is empty (Kubernetes only).
	Platform Platform
	// Namespace holds the objects, and Infinispan: an AlertmanagerConfig sees the
	// alerts of its own namespace only. Kubernetes: DefaultNamespace. Prometheus:
	// without it the rules take the metric of any namespace, or of none.
	Namespace string
	// Labels are put on every object, for an operator that selects by them.
	Labels map[string]string
	// Password goes into the Secret; the empty one leaves PasswordPlaceholder.
	Password secret.Value

	// PasswordFile is what Alertmanager reads the password from
	// (Prometheus only); DefaultPasswordFile.
	PasswordFile string
}

// Timing is how long each step waits between the cut of the link and the post
// to the ingest URL. Whole milliseconds.
type Timing struct {
	Interval       time.Duration // between two evaluations of the rule
	For            time.Duration // how long the site must be offline; may be 0
	GroupWait      time.Duration // before the first post of a group; may be 0
	GroupInterval  time.Duration // before a post about a changed group
	RepeatInterval time.Duration // before the same is posted again
}

// Defaults is the timing that Sitefence advises; docs/manifests.md says why.
func Defaults() Timing {
	return Timing{
		Interval: 5 * time.Second, For: config.DefaultConfirmAfter,
		GroupWait: 0, GroupInterval: 10 * time.Second, RepeatInterval: 3 * time.Minute,
	}
}

// Guide is the timing of Keycloak's guide, to compare with: the interval is
// Prometheus' usual one and the repetition Alertmanager's, since the guide
// names neither.
func Guide() Timing {
	return Timing{
		Interval:  30 * time.Second,
		GroupWait: 60 * time.Second, GroupInterval: 90 * time.Second, RepeatInterval: 4 * time.Hour,
	}
}

// Kubernetes returns one multi-document YAML for `kubectl apply -f -`.
// Its error joins a *config.Problem for each field that is wrong.
func Kubernetes(in Input) ([]byte, error) {
	if in.Platform == "" {
		in.Platform = OpenShift
	}
	if in.Namespace == "" {
		in.Namespace = DefaultNamespace
	}
	s, err := in.check()
	if err != nil {
		return nil, err
	}
	var documents []document
	if in.Platform == OpenShift {
		documents = append(documents, s.configMap())
	}
	documents = append(documents, s.secret(), s.alertmanagerConfig())
	if s.hasHeartbeat() {
		documents = append(documents, s.heartbeatConfig())
	}
	return render(s.header(), append(documents, s.prometheusRule()))
}

// The files that Prometheus makes.
const (
	AlertmanagerFile = "alertmanager.yml"
	RulesFile        = "rules.yml"
)

// Prometheus returns the same for people without the operator: the content of
// AlertmanagerFile and RulesFile, by these names. No file holds the password.
// Its error is as that of Kubernetes.
func Prometheus(in Input) (map[string][]byte, error) {
	s, err := in.check()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, d := range map[string]document{AlertmanagerFile: s.alertmanagerFile(), RulesFile: s.rulesFile()} {
		if files[name], err = render(s.header(), []document{d}); err != nil {
			return nil, err
		}
	}
	return files, nil
}
