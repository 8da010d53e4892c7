package config

import (
	"errors"
	"fmt"

	"github.com/sitefence/sitefence/internal/contract"
)

// Accept checks a step's input against the deployment: a name that it does not
// know never reaches a URL or an ARN. Its error is Misconfigured and names
// every field that is wrong.
func (d Deployment) Accept(e contract.Event) error {
	problems := []error{e.Validate()}
	if e.Deployment != d.Name {
		problems = append(problems, fmt.Errorf("deployment: got %.60q, want %q", e.Deployment, d.Name))
	}
	known := func(field string, name contract.Site) {
		if _, ok := d.Find(name); !ok {
			problems = append(problems, fmt.Errorf("%s: got %.60q, want a site of deployment %s", field, name, d.Name))
		}
	}
	known("reporter", e.Reporter)
	known("site", e.Site)
	if err := errors.Join(problems...); err != nil {
		return contract.MisconfiguredF(contract.BadInput, "step input: %v", err)
	}
	return nil
}
