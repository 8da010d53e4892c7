package infra

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// NotificationsProps says who hears of alarms and fences.
type NotificationsProps struct {
	// Notifications is Config.Notifications. Default: a topic that nobody hears yet.
	Notifications config.Notifications
	Bus           Bus // where the news comes from
}

// Notifications is the topic, and the rules that put news of fences on it.
type Notifications struct {
	Topic     awssns.Topic
	Chat      awssns.Topic // the same news for a chat; nil: none
	RuleNames []string

	runbook func(name string) string // its URL
	owner   string                   // whose alarms may publish
}

// notices are the events that become a message by themselves, without an alarm.
// The template's <names> are the fields of the event's detail.
var notices = []struct {
	id, rule, detailType, description string
	fields                            []string
	text                              string
}{
	{
		"StillTrying", "take-offline-still-trying", contract.DetailTypeStillTrying,
		"Sitefence: pages when a fence cannot take replication offline",
		[]string{"deployment", "reporter", "site", "error", "execution"},
		"ACT NOW: in <deployment>, <site> is out of the accelerator but <reporter> still replicates to it, so writes at <reporter> fail (<error>). " +
			"Runbook: docs/runbooks/take-offline-still-trying.md. The fence goes on trying for about half an hour: <execution>",
	},
	{
		"SiteFenced", "site-fenced", contract.DetailTypeSiteFenced,
		"Sitefence: tells that a site was fenced",
		[]string{"deployment", "reporter", "site", "reason", "execution"},
		"Bring the site back when it is well: in <deployment>, <site> was fenced (<reason>) and <reporter> serves alone, without redundancy. " +
			"Stop Keycloak at <site> until then. Runbook: docs/runbooks/site-fenced.md. What was removed is in the output of <execution>",
	},
	{
		"SiteRejoined", "site-rejoined", contract.DetailTypeSiteRejoined,
		"Sitefence: tells that a fenced site is back in the accelerator",
		[]string{"deployment", "reporter", "site", "execution"},
		"Nothing to do: in <deployment>, <site> is back in the accelerator beside <reporter>, deployed and healthy, and both replicate to each other. " +
			"What was put back is in the output of <execution>",
	},
}

// NoticeRules are the names of the rules that NewNotifications makes.
func NoticeRules() []string {
	var names []string
	for _, n := range notices {
		names = append(names, n.rule)
	}
	return names
}

// NewNotifications makes the topics, and a rule for each event that becomes a message.
func NewNotifications(scope constructs.Construct, props NotificationsProps) Notifications {
	scope = enter(scope, "Notifications")
	name, key := "Sitefence "+owner(scope), topicKey(scope, props.Notifications)
	n := Notifications{Topic: newTopic(scope, "Topic", name, key), runbook: props.Notifications.Runbook, owner: owner(scope)}
	if props.Notifications.ChatTopic {
		n.Chat = newTopic(scope, "ChatTopic", name, key)
	}
	for i, address := range props.Notifications.Emails {
		awssns.NewSubscription(scope, jsii.String(fmt.Sprintf("Email%d", i+1)), &awssns.SubscriptionProps{
			Topic: n.Topic, Protocol: awssns.SubscriptionProtocol_EMAIL, Endpoint: jsii.String(address),
		})
	}
	for _, notice := range notices {
		text := n.withRunbook(notice.text)
		// No RoleArn: EventBridge's guide says that delivery to a topic with a
		// key may fail with one, and that the topic's policy is the way.
		targets := []awsevents.CfnRule_TargetProperty{noticeTarget("topic", n.Topic, notice.fields, `"`+text+`"`)}
		if n.Chat != nil {
			targets = append(targets, noticeTarget("chat", n.Chat, notice.fields, chatMessage(notice.rule, text)))
		}
		props.Bus.newRule(scope, notice.id, ruleProps{
			Name: notice.rule, Description: notice.description, DetailType: notice.detailType,
			Target: targets[0], More: targets[1:],
		})
		n.RuleNames = append(n.RuleNames, notice.rule)
	}
	return n
}

func noticeTarget(id string, topic awssns.Topic, fields []string, template string) awsevents.CfnRule_TargetProperty {
	paths := map[string]*string{}
	for _, f := range fields {
		if strings.Contains(template, "<"+f+">") {
			paths[f] = jsii.String("$.detail." + f)
		}
	}
	return awsevents.CfnRule_TargetProperty{
		Id:  jsii.String(id),
		Arn: topic.TopicArn(),
		InputTransformer: &awsevents.CfnRule_InputTransformerProperty{
			InputPathsMap: &paths,
			InputTemplate: jsii.String(template),
		},
		RetryPolicy: &awsevents.CfnRule_RetryPolicyProperty{
			MaximumEventAgeInSeconds: jsii.Number(60 * 60),
			MaximumRetryAttempts:     jsii.Number(60),
		},
	}
}

// runbookPath is how a text here names a runbook.
var runbookPath = regexp.MustCompile(`docs/runbooks/([a-z-]+)\.md`)

// withRunbook puts in where the reader finds it: nobody can click on a path.
func (n Notifications) withRunbook(text string) string {
	return runbookPath.ReplaceAllStringFunc(text, func(path string) string {
		return n.runbook(runbookPath.FindStringSubmatch(path)[1])
	})
}

// chatMessage is a text in the schema of custom notifications, the only messages
// beside alarms that Amazon Q in chat applications (AWS Chatbot) shows.
// https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
func chatMessage(event, text string) string {
	title, _, _ := strings.Cut(text, ":")
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // <names> are the template's
	err := e.Encode(chatNotification{
		Version: "1.0", Source: "custom",
		Content: chatContent{TextType: "client-markdown", Title: title + ": <deployment>", Description: text},
		// News of one site stay in one thread.
		Metadata: chatMetadata{ThreadID: "<deployment>/<site>", EventType: event, RelatedResources: []string{"<execution>"}},
	})
	if err != nil {
		panic(err) // strings only
	}
	return strings.TrimSpace(b.String())
}

type chatNotification struct {
	Version  string       `json:"version"`
	Source   string       `json:"source"`
	Content  chatContent  `json:"content"`
	Metadata chatMetadata `json:"metadata"`
}

type chatContent struct {
	TextType    string `json:"textType"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

type chatMetadata struct {
	ThreadID         string   `json:"threadId"`
	EventType        string   `json:"eventType"`
	RelatedResources []string `json:"relatedResources"`
}
