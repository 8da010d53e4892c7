package config

import (
	"cmp"
	"strings"
)

// Notifications says who hears of alarms and fences.
type Notifications struct {
	Emails []string `json:"emails,omitempty"`
	// KMSKeyARN is a customer managed key for the topics whose policy admits
	// cloudwatch.amazonaws.com and events.amazonaws.com. Empty: Encrypted decides.
	KMSKeyARN string `json:"kmsKeyArn,omitempty"`
	// Encrypted has the stack make such a key. Without either there is no
	// encryption at rest (CloudWatch cannot publish to a topic under alias/aws/sns).
	Encrypted bool `json:"encrypted,omitempty"`
	// ChatTopic makes a second topic for Amazon Q in chat applications (AWS Chatbot),
	// which drops what is neither an alarm nor in its own schema.
	ChatTopic bool `json:"chatTopic,omitempty"`
	// Runbooks is where docs/runbooks can be read: an https URL without a slash
	// at its end. Empty: DefaultRunbooks.
	Runbooks string `json:"runbooks,omitempty"`
}

// DefaultRunbooks is the folder of the project itself.
const DefaultRunbooks = "https://github.com/sitefence/sitefence/blob/main/docs/runbooks"

// Runbook is the URL of a runbook: docs/runbooks/<name>.md.
func (n Notifications) Runbook(name string) string {
	return cmp.Or(n.Runbooks, DefaultRunbooks) + "/" + name + ".md"
}

func (l *loader) notifications(f field) Notifications {
	o := f.object("emails", "kmsKeyArn", "encrypted", "chatTopic", "runbooks")
	n := Notifications{
		KMSKeyARN: o.optional("kmsKeyArn").match(keyRule),
		Encrypted: o.optional("encrypted").boolean(false),
		ChatTopic: o.optional("chatTopic").boolean(false),
		Runbooks:  strings.TrimSuffix(o.optional("runbooks").match(runbooksRule), "/"),
	}
	if n.Encrypted && o.optional("kmsKeyArn").node != nil {
		o.optional("encrypted").problem("true beside kmsKeyArn", "one of the two: a key of yours, or one that the stack makes")
	}
	emails := once("entry")
	for _, e := range o.optional("emails").list(0, maxEmails, "at most 20 addresses") {
		address := e.match(emailRule)
		emails.see(e, address)
		n.Emails = append(n.Emails, address)
	}
	return n
}

// runbooksRule: the URL becomes part of a message's template, in which <, > and "
// mean something.
var runbooksRule = rule{
	"an https URL of letters, digits and -._~/ behind the host, of at most 300 characters",
	func(s string) bool { return len(s) <= 300 && validHealthURL(s) && pattern(`^[A-Za-z0-9:/._~-]+$`)(s) }, showURL,
}
