// Platform is the CDK app of a team that has a stack of its own and puts Sitefence
// into it. Run `cdk synth` or `cdk deploy` in this folder.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/sitefence/sitefence/infra"
)

func main() {
	app := awscdk.NewApp(nil)
	err := synthesise(context.Background(), app)
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "platform:", err)
		os.Exit(1)
	}
}

func synthesise(ctx context.Context, app awscdk.App) error {
	config, err := infra.LoadConfig("sitefence.yaml")
	if err != nil {
		return err
	}
	// The functions of the release that go.mod names. They are built again only if
	// the release or the architecture has changed, and always to the same bytes.
	assets, err := infra.BuildFunctions(ctx, config.Tuning.Architecture, "build")
	if err != nil {
		return err
	}
	defer assets.Remove() //nolint:errcheck // under build/, which is nobody's
	if _, err := newPlatform(app, "platform", config, assets); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}
