// Command inspect is the Lambda that reads all there is to see of a deployment,
// for the operator's command. It changes nothing, and no machine calls it.
package main

import (
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/inspect"
	"github.com/sitefence/sitefence/internal/wiring"
)

func main() { wiring.Serve(build) }

func build(function wiring.Function) (inspect.Handler, error) {
	file, err := config.LoadFunctionFile[config.InspectFile]()
	if err != nil {
		return inspect.Handler{}, err
	}
	return inspect.New(function, file.WebhookUser)
}
