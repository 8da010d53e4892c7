package infra_test

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
)

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

// call is what a policy is asked about.
type call struct {
	service, account string // the principal: one of the two
	action           string
	resource         string
	keys             map[string]string
}

const (
	account  = "${AWS::AccountId}"
	stranger = "999988887777"
)

// allows evaluates a resource policy as AWS does: an explicit Deny wins, then any
// Allow. What it does not know fails the test.
func allows(t *testing.T, s *synthesis, document any, c call) bool {
	t.Helper()
	allowed := false
	for _, st := range statements(document) {
		if !principal(t, s, st["Principal"], c) || !matches(s, st["Action"], c.action) || !matches(s, st["Resource"], c.resource) ||
			!conditions(t, s, st["Condition"], c.keys) {
			continue
		}
		if st["Effect"] == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

func principal(t *testing.T, s *synthesis, value any, c call) bool {
	t.Helper()
	if value == "*" {
		return true
	}
	for kind, names := range value.(map[string]any) {
		switch kind {
		case "Service":
			if c.service != "" && slices.Contains(strings.Fields(s.text(names)), c.service) {
				return true
			}
		case "AWS":
			text := s.text(names)
			if text == "*" || c.account != "" && text == "arn:${AWS::Partition}:iam::"+c.account+":root" {
				return true
			}
		default:
			t.Fatalf("a principal %s, which this test does not know", kind)
		}
	}
	return false
}

// matches: * is any text, as in ARNs and actions.
func matches(s *synthesis, patterns any, value string) bool {
	for pattern := range strings.FieldsSeq(s.text(patterns)) {
		// path.Match's * stops at a slash.
		if ok, err := path.Match(strings.ReplaceAll(pattern, "/", "|"), strings.ReplaceAll(value, "/", "|")); err == nil && ok {
			return true
		}
	}
	return false
}

// conditions: a key that the call does not have makes a condition false.
func conditions(t *testing.T, s *synthesis, value any, keys map[string]string) bool {
	t.Helper()
	if value == nil {
		return true
	}
	for operator, wanted := range value.(map[string]any) {
		for key, want := range wanted.(map[string]any) {
			got, ok := keys[key]
			switch operator {
			case "StringEquals", "Bool":
				ok = ok && got == s.text(want)
			case "ArnLike":
				ok = ok && matches(s, want, got)
			default:
				t.Fatalf("a condition %s, which this test does not know", operator)
			}
			if !ok {
				return false
			}
		}
	}
	return true
}

// publishing are the callers of a publish, and whether they may.
func publishing() map[string]struct {
	call
	may bool
} {
	keys := func(owner, alarm string) map[string]string {
		return map[string]string{
			"aws:SourceAccount": owner, "aws:SecureTransport": "true",
			"aws:SourceArn": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:" + owner + ":alarm:" + alarm,
		}
	}
	// EventBridge sends none of the source keys with a publish to an encrypted topic.
	bare := map[string]string{"aws:SecureTransport": "true"}
	return map[string]struct {
		call
		may bool
	}{
		"an alarm of the stack":            {call{service: "cloudwatch.amazonaws.com", keys: keys(account, "sitefence-ingest-crashed")}, true},
		"a rule":                           {call{service: "events.amazonaws.com", keys: bare}, true},
		"another alarm of the account":     {call{service: "cloudwatch.amazonaws.com", keys: keys(account, "other-alarm")}, false},
		"an alarm of another account":      {call{service: "cloudwatch.amazonaws.com", keys: keys(stranger, "sitefence-ingest-crashed")}, false},
		"CloudWatch, for nobody":           {call{service: "cloudwatch.amazonaws.com", keys: bare}, false},
		"another service":                  {call{service: "s3.amazonaws.com", keys: keys(account, "sitefence-ingest-crashed")}, false},
		"another service, for nobody":      {call{service: "lambda.amazonaws.com", keys: bare}, false},
		"another account":                  {call{account: stranger, keys: bare}, false},
		"another account, as if our alarm": {call{account: stranger, keys: keys(account, "sitefence-ingest-crashed")}, false},
	}
}

// TestWhoMayPublish evaluates the topics' policies and their key's: what is to
// arrive needs both, and what must not is stopped by each alone.
func TestWhoMayPublish(t *testing.T) {
	s := synth(t, "watched", watched)
	key := s.one(t, "AWS::KMS::Key", "Notifications/Key").Properties
	policies := s.of("AWS::SNS::TopicPolicy")
	if len(policies) != 2 {
		t.Fatalf("%d topic policies, want that of the topic and that of the chat", len(policies))
	}
	for name, tc := range publishing() {
		for p, policy := range policies {
			c := tc.call
			c.action, c.resource = "sns:Publish", s.text(policy.Properties["Topics"])
			if got := allows(t, s, policy.Properties["PolicyDocument"], c); got != tc.may {
				t.Errorf("%s: %s: publishes %v, want %v", name, p, got, tc.may)
			}
			c.keys = map[string]string{"aws:SecureTransport": "false"}
			for k, v := range tc.keys {
				if k != "aws:SecureTransport" {
					c.keys[k] = v
				}
			}
			if allows(t, s, policy.Properties["PolicyDocument"], c) {
				t.Errorf("%s: %s: publishes without TLS", name, p)
			}
		}
		for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"} {
			c := tc.call
			c.action, c.resource = action, "the key"
			if got := allows(t, s, key["KeyPolicy"], c); got != tc.may {
				t.Errorf("%s: %s: %v, want %v", name, action, got, tc.may)
			}
		}
		for _, action := range []string{"kms:Encrypt", "kms:ScheduleKeyDeletion", "kms:PutKeyPolicy"} {
			c := tc.call
			c.action, c.resource = action, "the key"
			if allows(t, s, key["KeyPolicy"], c) {
				t.Errorf("%s: %s is allowed", name, action)
			}
		}
	}
	owner := call{account: account, action: "kms:PutKeyPolicy", resource: "the key"}
	if !allows(t, s, key["KeyPolicy"], owner) {
		t.Error("the account cannot manage its own key")
	}
}

// TestTheEvaluationIsNoYesMan: the policies that do not work, as people write them.
func TestTheEvaluationIsNoYesMan(t *testing.T) {
	s := synth(t, "watched", watched)
	alarm, rule := publishing()["an alarm of the stack"].call, publishing()["a rule"].call
	alarm.action, alarm.resource, rule.action, rule.resource = "kms:Decrypt", "k", "kms:Decrypt", "k"
	for name, tc := range map[string]struct {
		document    string
		alarm, rule bool
	}{
		"alias/aws/sns": {`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*",
			"Condition":{"StringEquals":{"kms:CallerAccount":"${AWS::AccountId}","kms:ViaService":"sns.eu-west-1.amazonaws.com"}}}]}`, false, false},
		"a condition on EventBridge": {`{"Statement":[{"Effect":"Allow","Principal":{"Service":["cloudwatch.amazonaws.com","events.amazonaws.com"]},
			"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"${AWS::AccountId}"}}}]}`, true, false},
		"denied": {`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"},
			{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"}]}`, false, false},
		"everybody": {`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}`, true, true},
	} {
		var document any
		if err := json.Unmarshal([]byte(tc.document), &document); err != nil {
			t.Fatal(err)
		}
		if a, r := allows(t, s, document, alarm), allows(t, s, document, rule); a != tc.alarm || r != tc.rule {
			t.Errorf("%s: alarm %v, rule %v, want %v and %v", name, a, r, tc.alarm, tc.rule)
		}
	}
}

// TestTheKey: one for both topics, rotated, gone with the stack; and none that was
// not asked for.
func TestTheKey(t *testing.T) {
	s := synth(t, "watched", watched)
	key := s.one(t, "AWS::KMS::Key", "Notifications/Key")
	if key.Properties["EnableKeyRotation"] != true || key.Properties["PendingWindowInDays"] != 7.0 || key.DeletionPolicy != "Delete" {
		t.Errorf("key %+v", key)
	}
	topics := s.of("AWS::SNS::Topic")
	for path, topic := range topics {
		if got := s.text(topic.Properties["KmsMasterKeyId"]); got != "${Notifications/Key.Arn}" {
			t.Errorf("%s: key %q", path, got)
		}
	}
	if len(topics) != 2 || len(s.of("AWS::KMS::Key")) != 1 {
		t.Errorf("%d topics, %d keys", len(topics), len(s.of("AWS::KMS::Key")))
	}
	for name, c := range map[string]func() config.Config{"full": full, "bare": bare} {
		if keys := synth(t, name, c).of("AWS::KMS::Key"); len(keys) > 0 {
			t.Errorf("%s: a key that was not asked for", name)
		}
	}
}

// TestChat: every alarm and every message reach the chat's topic, the messages in
// the only schema that Amazon Q in chat applications shows.
func TestChat(t *testing.T) {
	s := synth(t, "watched", watched)
	if got := s.text(s.Outputs["ChatTopicArn"].Value); got != "${Notifications/ChatTopic}" {
		t.Errorf("output %q", got)
	}
	for p, a := range s.of("AWS::CloudWatch::Alarm") {
		if got := s.text(a.Properties["AlarmActions"]); got != "${Notifications/Topic} ${Notifications/ChatTopic}" {
			t.Errorf("%s: actions %s", p, got)
		}
	}
	messages, mails := 0, 0
	for p, r := range s.of("AWS::Events::Rule") {
		for _, value := range r.Properties["Targets"].([]any) {
			target := value.(map[string]any)
			if s.text(target["Arn"]) == "${Notifications/Topic}" {
				mails++
			}
			if s.text(target["Arn"]) != "${Notifications/ChatTopic}" {
				continue
			}
			messages++
			transformer := target["InputTransformer"].(map[string]any)
			template := transformer["InputTemplate"].(string)
			var n struct {
				Version, Source string
				Content         struct{ TextType, Title, Description string }
				Metadata        struct {
					ThreadID         string `json:"threadId"`
					EventType        string
					RelatedResources []string
				}
			}
			decoder := json.NewDecoder(strings.NewReader(template))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&n); err != nil {
				t.Fatalf("%s: %v in %s", p, err, template)
			}
			if n.Version != "1.0" || n.Source != "custom" || n.Content.TextType != "client-markdown" || n.Metadata.EventType != s.text(r.Properties["Name"]) {
				t.Errorf("%s: %+v", p, n)
			}
			if len(n.Content.Title) > 250 || !strings.HasSuffix(n.Content.Title, ": <deployment>") {
				t.Errorf("%s: title %q", p, n.Content.Title)
			}
			mail := r.Properties["Targets"].([]any)[0].(map[string]any)["InputTransformer"].(map[string]any)["InputTemplate"]
			if diff := cmp.Diff(mail, `"`+n.Content.Description+`"`); diff != "" {
				t.Errorf("%s: chat and mail differ:\n%s", p, diff)
			}
			paths := transformer["InputPathsMap"].(map[string]any)
			for _, m := range field.FindAllStringSubmatch(template, -1) {
				if paths[m[1]] != "$.detail."+m[1] {
					t.Errorf("%s: <%s> is read from %v", p, m[1], paths[m[1]])
				}
			}
		}
	}
	if messages != mails || messages < 3 {
		t.Errorf("%d messages, want as many as the %d mails", messages, mails)
	}
	if full := synth(t, "full", full); full.Outputs["ChatTopicArn"].Value != nil || len(full.of("AWS::SNS::Topic")) != 1 {
		t.Error("a chat that was not asked for")
	}
}
