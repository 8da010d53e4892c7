package awsenv_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/awsenv"
)

// seen is what one configuration comes to, at the wire and in a client's options.
type seen struct {
	Requests []string
	Retries  []int
	Mode     aws.RetryMode
	Sum      aws.RequestChecksumCalculation
	Checked  aws.ResponseChecksumValidation
	Account  aws.AccountIDEndpointMode
	Compress int64
}

// wire notes each request and lets it fail.
type wire struct{ requests []string }

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	scope, _, _ := strings.Cut(r.Header.Get("Authorization"), ", ")
	w.requests = append(w.requests, r.Method+" "+r.URL.String()+" "+scope+" token="+r.Header.Get("X-Amz-Security-Token"))
	return nil, http.ErrAbortHandler
}

func look(t *testing.T, cfg aws.Config) seen {
	t.Helper()
	w := &wire{}
	cfg.HTTPClient = w
	var s seen
	once := aws.NopRetryer{}
	_, _ = ga.NewFromConfig(cfg).ListAccelerators(t.Context(), nil, func(o *ga.Options) { o.Retryer = once })
	_, _ = elb.NewFromConfig(cfg).DescribeLoadBalancers(t.Context(), nil, func(o *elb.Options) { o.Retryer = once })
	_, _ = sfn.NewFromConfig(cfg).ListStateMachines(t.Context(), nil, func(o *sfn.Options) { o.Retryer = once })
	_, _ = ssm.NewFromConfig(cfg).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("x")}, func(o *ssm.Options) { o.Retryer = once })
	_, _ = secretsmanager.NewFromConfig(cfg).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("x")},
		func(o *secretsmanager.Options) { o.Retryer = once })
	_, _ = eventbridge.NewFromConfig(cfg).ListRules(t.Context(), nil, func(o *eventbridge.Options) { o.Retryer = once })
	s.Requests = w.requests
	o := sfn.NewFromConfig(cfg).Options()
	s.Retries, s.Mode = []int{o.Retryer.MaxAttempts(), o.RetryMaxAttempts}, o.RetryMode
	s.Sum, s.Checked, s.Account, s.Compress = cfg.RequestChecksumCalculation, cfg.ResponseChecksumValidation, cfg.AccountIDEndpointMode, cfg.RequestMinCompressSizeBytes
	return s
}

// TestAsTheSDK: with what Lambda sets, each service is asked as LoadDefaultConfig
// has it: at that address, signed by that key, for that Region, as often.
func TestAsTheSDK(t *testing.T) {
	lambda := map[string]string{"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_SESSION_TOKEN": "token"}
	for name, more := range map[string]map[string]string{
		"as on AWS":           {},
		"without a token":     {"AWS_SESSION_TOKEN": ""},
		"an emulator":         {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
		"one service of many": {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR": "http://127.0.0.1:4567"},
		"each service": {"AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": "http://127.0.0.1:2",
			"AWS_ENDPOINT_URL_SFN": "http://127.0.0.1:3", "AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:4",
			"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:5", "AWS_ENDPOINT_URL_EVENTBRIDGE": "http://127.0.0.1:6"},
		"FIPS":       {"AWS_REGION": "us-east-1", "AWS_USE_FIPS_ENDPOINT": "true"},
		"no FIPS":    {"AWS_USE_FIPS_ENDPOINT": "False"},
		"dual stack": {"AWS_USE_DUALSTACK_ENDPOINT": "TRUE"},
		"one stack":  {"AWS_USE_DUALSTACK_ENDPOINT": "false"},
		"China":      {"AWS_REGION": "cn-north-1"},
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			for _, set := range []map[string]string{lambda, more} {
				for name, value := range set {
					t.Setenv(name, value)
				}
			}
			theirs, err := awsconfig.LoadDefaultConfig(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want, got := look(t, theirs), look(t, awsenv.Config())
			if len(want.Requests) != 6 || !strings.Contains(want.Requests[0], "AKIDEXAMPLE") {
				t.Fatalf("the SDK's own configuration asked %q", want.Requests)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNoCredentials: no call is sent, and the error says why.
func TestNoCredentials(t *testing.T) {
	clean(t)
	t.Setenv("AWS_REGION", "eu-west-1")
	w := &wire{}
	cfg := awsenv.Config()
	cfg.HTTPClient = w
	_, err := sfn.NewFromConfig(cfg).ListStateMachines(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "static credentials are empty") || len(w.requests) > 0 {
		t.Errorf("got %v after %q, want an error about the credentials and no call", err, w.requests)
	}
}

// clean takes away what this machine has set for AWS.
func clean(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // which puts it back afterwards
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}
