// Ingest is the door: it takes Alertmanager's webhook at a Function URL, lets
// in the right user with the right password only, and puts one event on the bus
// for every site that is offline.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/secret"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))
	handler, err := wire(context.Background(), log)
	if err != nil {
		log.Error("cannot start", "error", err)
		os.Exit(1)
	}
	lambda.Start(handler.Handle)
}

func wire(ctx context.Context, log *slog.Logger) (*Handler, error) {
	file, err := config.LoadFunctionFile[config.IngestFile]()
	if err != nil {
		return nil, err
	}
	busName, secretID := os.Getenv(config.EnvBus), os.Getenv(config.EnvWebhookSecret)
	if err := validate(file, busName, secretID); err != nil {
		return nil, err
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	return &Handler{
		User: file.User, Deployments: file.Deployments,
		Secret: secret.New(secretsmanager.NewFromConfig(cfg), secretID),
		Bus:    bus.New(eventbridge.NewFromConfig(cfg), busName),
		Log:    log, Now: time.Now,
	}, nil
}
