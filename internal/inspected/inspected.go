// Package inspected asks a deployment's Inspect function what there is. It
// changes nothing.
package inspected

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/sitefence/sitefence/internal/contract"
)

// Client is the one call of Lambda that is needed.
type Client interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// Ask returns the deployment as it is now. What could not be read of it has a
// Problem in its place and is no error here.
func Ask(ctx context.Context, client Client, function, deployment string) (contract.Inspection, error) {
	if function == "" {
		return contract.Inspection{}, errors.New("the stack has no Inspect function of this deployment: deploy this release")
	}
	payload, err := json.Marshal(contract.InspectInput{Version: contract.Version, Deployment: deployment})
	if err != nil {
		return contract.Inspection{}, fmt.Errorf("encoding the question: %w", err)
	}
	out, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, Payload: payload})
	if err != nil {
		return contract.Inspection{}, fmt.Errorf("asking %s: %w", function, err)
	}
	if out.FunctionError != nil {
		var failure struct{ ErrorType, ErrorMessage string }
		_ = json.Unmarshal(out.Payload, &failure)
		return contract.Inspection{}, fmt.Errorf("asking %s: it failed (%s): %.500s %.500s", function,
			aws.ToString(out.FunctionError), failure.ErrorType, failure.ErrorMessage)
	}
	var i contract.Inspection
	if err := json.Unmarshal(out.Payload, &i); err != nil {
		return contract.Inspection{}, fmt.Errorf("asking %s: the answer is no inspection: %w", function, err)
	}
	if i.Version != contract.Version {
		return contract.Inspection{}, fmt.Errorf("asking %s: it answers in version %.20q, want %q: use the command of its release", function, i.Version, contract.Version)
	}
	if i.Deployment != deployment {
		return contract.Inspection{}, fmt.Errorf("asking %s: it is about %.60q, want %q", function, i.Deployment, deployment)
	}
	return i, nil
}
