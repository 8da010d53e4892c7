// Package awserr sorts errors of AWS calls into the contract's types: what a
// human must mend is Misconfigured, all the rest may pass and is Transient.
package awserr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/sitefence/sitefence/internal/contract"
)

// The error codes that no retry mends. AWS services do not agree on one name
// for a missing permission (Common Errors of each API's reference).
var (
	denied  = []string{"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "UnrecognizedClientException"}
	missing = []string{"AcceleratorNotFoundException", "StateMachineDoesNotExist", "ResourceNotFoundException"}
)

// Code is the service's error code, or "" when err is no answer of a service.
func Code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// Advice is what a human does next about an error that no retry mends.
type Advice struct {
	Denied  string // a permission is missing
	Missing string // what was asked for is not there
}

// functions is the advice of what the state machines call.
var functions = Advice{
	Denied:  "mend the function's role or the key's policy, then replay the guard execution",
	Missing: "compare the configuration with the account, deploy, then replay the guard execution",
}

// Sort wraps err, which a call to AWS returned while a function was doing what
// says, in the contract's type. It returns nil for nil.
func Sort(err error, what string) error { return functions.Sort(err, what) }

// Plain is a text of Sort without what to do, for who has no execution before
// them.
func Plain(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "; "+functions.Denied), "; "+functions.Missing)
}

// Sort is the same with other advice, for a program that is no function.
func (a Advice) Sort(err error, what string) error {
	code := Code(err)
	switch {
	case err == nil:
		return nil
	case slices.Contains(denied, code):
		return contract.MisconfiguredF(contract.AccessDenied, "%s: %s; %s", what, text(err), a.Denied)
	case slices.Contains(missing, code):
		return contract.MisconfiguredF(contract.NotFound, "%s: %s; %s", what, text(err), a.Missing)
	default:
		return contract.TransientF(contract.Unavailable, "%s: %s", what, text(err))
	}
}

// text leaves out the SDK's framing of a service's answer, which repeats the
// operation and adds a request id that no operator can use at night.
func text(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return fmt.Sprintf("%.100s: %.500s", api.ErrorCode(), api.ErrorMessage())
	}
	return fmt.Sprintf("%.500s", err.Error())
}
