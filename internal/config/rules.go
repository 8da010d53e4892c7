package config

import (
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/sitefence/sitefence/internal/contract"
)

// rule is what a text field must look like.
type rule struct {
	want string
	ok   func(string) bool
	show func(string) string // what a message may say of a bad value
}

// hidden stands for a value that might be a secret put into the wrong field.
func hidden(what string) func(string) string { return func(string) string { return what } }

// pattern compiles p when it is first asked: each function links this package, and
// none checks a configuration.
func pattern(p string) func(string) bool {
	compiled := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(p) })
	return func(s string) bool { return compiled().MatchString(s) }
}

var (
	nameRule = rule{"a name of 1 to 32 lower-case letters, digits and inner hyphens", contract.NamePattern.MatchString, quote}

	// Basic authentication cannot carry a colon in the user.
	userRule = rule{
		"a user name of 1 to 128 characters without colon or control characters",
		validUser, hidden("a value that is no user name"),
	}

	// Secrets Manager's own characters (CreateSecret, Name). A secret's version
	// or JSON key cannot be chosen: the whole string is the password.
	secretRule = rule{
		"the name or ARN of a Secrets Manager secret, never the password itself (an ARN with the six characters at its end)",
		pattern(`^(arn:aws(-[a-z]+)*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,512}-[A-Za-z0-9]{6}|[A-Za-z0-9/_+=.@-]{1,512})$`),
		hidden("a value that no secret can have as its name"),
	}

	waitRule = rule{"a number of seconds from 0s to 300s, as 10s", pattern(`^(\d|[1-9]\d|[12]\d\d|300)s$`), quote}

	// Global Accelerator exists in the partition aws only.
	acceleratorRule = rule{
		"a Global Accelerator ARN, arn:aws:globalaccelerator::<account>:accelerator/<id>",
		pattern(`^arn:aws:globalaccelerator::[0-9]{12}:accelerator/[0-9A-Za-z-]{1,64}$`), quote,
	}

	loadBalancerRule = rule{
		"the ARN of a network or application load balancer, arn:aws:elasticloadbalancing:<region>:<account>:loadbalancer/net/<name>/<id>",
		pattern(`^arn:aws:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:loadbalancer/(net|app)/[A-Za-z0-9-]{1,32}/[0-9a-z]{1,32}$`), quote,
	}

	keyRule = rule{
		"the ARN of a customer managed KMS key, arn:aws:kms:<region>:<account>:key/<id> (no alias)",
		pattern(`^arn:aws(-[a-z]+)*:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9A-Za-z-]{1,64}$`), quote,
	}

	policyRule = rule{
		"the ARN of an IAM policy, arn:aws:iam::<account>:policy/<name>",
		pattern(`^arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]{1,512}$`), quote,
	}

	hostRule = rule{"a DNS name in lower case without scheme, port or final dot", validHost, quote}

	urlRule = rule{"an https URL with nothing behind the host and port", validURL, showURL}

	healthRule = rule{"an https URL of at most 1024 characters with host, port and path only", validHealthURL, showURL}

	emailRule = rule{"an e-mail address and nothing else", validEmail, quote}

	architectureRule = rule{
		"arm64 or amd64",
		func(s string) bool { return Architecture(s) == ARM64 || Architecture(s) == AMD64 }, quote,
	}

	tagKeyRule = rule{
		"a tag key of 1 to 128 letters, digits, spaces and _.:/=+-@ that does not begin with aws:",
		func(s string) bool { return validTag(s, 1, 128) && !strings.HasPrefix(strings.ToLower(s), "aws:") }, quote,
	}
	tagValueRule = rule{
		"a tag value of at most 256 letters, digits, spaces and _.:/=+-@",
		func(s string) bool { return validTag(s, 0, 256) }, hidden("a value that no tag can have"),
	}
)

// retentionDays are the values that CloudWatch Logs' PutRetentionPolicy takes.
var retentionDays = []int{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731,
	1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

func validUser(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= 128 &&
		!strings.ContainsFunc(s, func(r rune) bool { return r == ':' || unicode.IsControl(r) })
}

var validLabel = pattern(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func validHost(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !validLabel(label) {
			return false
		}
	}
	return true
}

func validURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" {
		return false
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return false
		}
	}
	host := strings.ToLower(u.Hostname())
	if net.ParseIP(host) == nil && !validHost(host) && !validLabel(host) {
		return false
	}
	// Whatever is not scheme and host (user, path, query, fragment, an empty
	// port) makes the text longer than these two.
	return strings.EqualFold(s, "https://"+u.Host) && !strings.HasSuffix(u.Host, ":")
}

// validHealthURL is validURL with a path. A query or a user might be a secret.
func validHealthURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || len(s) > 1024 || u.Host == "" {
		return false
	}
	path := u.EscapedPath()
	return u.User == nil && !strings.ContainsAny(s, "?# ") && s == strings.TrimSuffix(s, path)+path && validURL(strings.TrimSuffix(s, path))
}

// showURL leaves out what might be a credential.
func showURL(s string) string {
	if strings.ContainsAny(s, "@?#") {
		return "a URL with a user, a query or a fragment"
	}
	return quote(s)
}

func validEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254
}

func validTag(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return n >= least && n <= most && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != ' ' && !strings.ContainsRune("_.:/=+-@", r)
	})
}
