package main

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/sitefence/sitefence/infra"
)

// newPlatform is the team's stack: its own queue, from where its tool pages people,
// and Sitefence's parts, which tell that queue of alarms and fences.
func newPlatform(scope constructs.Construct, id string, config infra.Config, assets infra.Assets) (awscdk.Stack, error) {
	stack := awscdk.NewStack(scope, jsii.String(id), nil)
	pages := awssqs.NewQueue(stack, jsii.String("Pages"), &awssqs.QueueProps{
		Encryption: awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL: jsii.Bool(true),
	})
	fences, err := newFences(stack, config, assets)
	if err != nil {
		return nil, fmt.Errorf("sitefence: %w", err)
	}
	fences.Notifications.Topic.AddSubscription(awssnssubscriptions.NewSqsSubscription(pages, nil))
	return stack, nil
}

// newFences takes Sitefence apart. infra.NewSitefence makes all of it in one call,
// and dashboards, tags and warnings besides; a team that wants no e-mail topic or
// alarms of its own leaves a part out here.
func newFences(stack awscdk.Stack, config infra.Config, assets infra.Assets) (infra.Sitefence, error) {
	within := constructs.NewConstruct(stack, jsii.String("Fence"))
	made := infra.Sitefence{Bus: infra.NewBus(within)}
	var err error
	made.Ingest, err = infra.NewIngest(within, infra.IngestProps{Config: config, Assets: assets, Bus: made.Bus})
	if err != nil {
		return made, err
	}
	for _, d := range config.Deployments {
		deployment, err := infra.NewDeployment(within, infra.DeploymentProps{
			Deployment:  d,
			Tuning:      config.Tuning,
			Assets:      assets,
			Bus:         made.Bus,
			WebhookUser: config.Webhook.User,
		})
		if err != nil {
			return made, err
		}
		made.Deployments = append(made.Deployments, deployment)
	}
	made.Notifications = infra.NewNotifications(within, infra.NotificationsProps{Notifications: config.Notifications, Bus: made.Bus})
	schedules, err := infra.NewSchedules(within, infra.SchedulesProps{Drift: config.Drift, Deployments: made.Deployments})
	if err != nil {
		return made, err
	}
	infra.NewAlarms(within, infra.AlarmsProps{
		Notifications: made.Notifications, Bus: made.Bus, Ingest: made.Ingest, Deployments: made.Deployments, Schedules: schedules,
	})
	// `sitefence status --stack platform` finds all of it by these.
	return made, infra.NewOutputs(within, made)
}
