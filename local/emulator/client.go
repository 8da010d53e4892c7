package emulator

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// The emulator takes any credentials; these can open nothing elsewhere.
const dummyKey = "test"

// URL is the emulator's endpoint, for every service, without a slash at its end.
func (e *Emulator) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", e.port) }

// Region of the clients that Env and AWSConfig configure.
func (e *Emulator) Region() string { return e.options.Region }

// Env is what a child process (the CDK, an AWS SDK, a CLI) needs to talk to
// the emulator and to nothing else, as "NAME=value". It is complete but for
// PATH and HOME: give it to the process instead of the user's environment, in
// which a profile or a token might lead to the real AWS.
func (e *Emulator) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + e.URL(),
		"AWS_ENDPOINT_URL_S3=" + e.URL(),
		"AWS_REGION=" + e.options.Region,
		"AWS_DEFAULT_REGION=" + e.options.Region,
		"AWS_ACCESS_KEY_ID=" + dummyKey,
		"AWS_SECRET_ACCESS_KEY=" + dummyKey,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
}

// AWSConfig configures a Go SDK client for the emulator. Nothing of the
// environment or of the user's files is read.
func (e *Emulator) AWSConfig(context.Context) aws.Config {
	return aws.Config{
		Region:       e.options.Region,
		BaseEndpoint: aws.String(e.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(dummyKey, dummyKey, ""),
	}
}

// FunctionURL translates a Function URL as CloudFormation gives it
// (https://<id>.lambda-url.<region>.on.aws/) to one that works here for a
// client that can set no Host header, such as Alertmanager. The bare <id> is
// taken too.
func (e *Emulator) FunctionURL(deployed string) (string, error) {
	id := deployed
	if strings.Contains(deployed, "/") || strings.Contains(deployed, ".") {
		u, err := url.Parse(deployed)
		if err != nil {
			return "", fmt.Errorf("reading a Function URL: %w", err)
		}
		label, rest, ok := strings.Cut(u.Hostname(), ".")
		if !ok || !strings.HasPrefix(rest, "lambda-url.") {
			return "", fmt.Errorf("reading a Function URL: %q is not https://<id>.lambda-url.<region>.on.aws/", deployed)
		}
		id = label
	}
	if id == "" {
		return "", fmt.Errorf("reading a Function URL: %q names no function", deployed)
	}
	return e.URL() + "/_aws/lambda-url/" + url.PathEscape(id) + "/", nil
}
