// Package awsenv is the AWS configuration of a function: what Lambda sets in its
// environment, and nothing else. There is no file, no role to take and no service
// to ask, so that no client of SSO, OIDC or STS is linked into a function: they are
// a tenth of its size and of the time that it takes to start.
//
// It reads what the SDK's own LoadDefaultConfig would find there:
//
//	AWS_REGION
//	AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//	AWS_ENDPOINT_URL, and AWS_ENDPOINT_URL_<SERVICE> before it
//	AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT
//
// All else, as retries, is as the SDK has it without any configuration.
package awsenv

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"
)

// Config reads the environment. Without credentials every call fails, and says so.
// Lambda replaces the environment when it replaces them.
func Config() aws.Config {
	cfg := aws.Config{
		Region: os.Getenv("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")),
		Logger:        logging.NewStandardLogger(os.Stderr),
		ConfigSources: []any{source{}},
		// What LoadDefaultConfig takes where nothing is said.
		RequestMinCompressSizeBytes: 10240,
		AccountIDEndpointMode:       aws.AccountIDEndpointModePreferred,
		RequestChecksumCalculation:  aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation:  aws.ResponseChecksumValidationWhenSupported,
	}
	if url := os.Getenv(endpointURL); url != "" {
		cfg.BaseEndpoint = &url
	}
	return cfg
}

// lambdasRoots is the list of roots in Lambda's images (Amazon Linux 2023).
const lambdasRoots = "/etc/pki/tls/certs/ca-bundle.crt"

// ReadRoots begins to read the system's list of roots, which the first TLS
// handshake would read otherwise, and wait for: half the CPU time of a cold function
// (docs/performance.md). crypto/x509 reads it once; who needs it meanwhile waits
// for it, and what is wrong with it fails the handshake as ever.
//
// Beside that one file crypto/x509 would read all that lies in two folders, which in
// Lambda's images hold the same roots twice more: they are left out. Where the
// environment says what is to be read, or that file holds no certificate, all is as
// crypto/x509 has it. Call it before any call.
func ReadRoots() { readRoots(lambdasRoots) }

func readRoots(file string) {
	if os.Getenv("SSL_CERT_FILE") == "" && os.Getenv("SSL_CERT_DIR") == "" && holdsRoots(file) {
		_ = os.Setenv("SSL_CERT_FILE", file)
		_ = os.Setenv("SSL_CERT_DIR", os.DevNull) // no folder; that it cannot be read counts only where there is no root
	}
	go func() { _, _ = x509.SystemCertPool() }()
}

// holdsRoots looks at the first certificate of a file.
func holdsRoots(file string) bool {
	data, err := os.ReadFile(file) //nolint:gosec // the one above
	if err != nil {
		return false
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" {
		return false
	}
	_, err = x509.ParseCertificate(block.Bytes)
	return err == nil
}

const endpointURL = "AWS_ENDPOINT_URL"

// source answers what each service's client asks for itself.
type source struct{}

// GetServiceBaseEndpoint is the endpoint of one service alone.
func (source) GetServiceBaseEndpoint(_ context.Context, service string) (string, bool, error) {
	url := os.Getenv(endpointURL + "_" + strings.ToUpper(strings.ReplaceAll(service, " ", "_")))
	return url, url != "", nil
}

// GetUseFIPSEndpoint is for accounts that must use FIPS 140 endpoints.
func (source) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	switch {
	case is("AWS_USE_FIPS_ENDPOINT", "true"):
		return aws.FIPSEndpointStateEnabled, true, nil
	case is("AWS_USE_FIPS_ENDPOINT", "false"):
		return aws.FIPSEndpointStateDisabled, true, nil
	}
	return aws.FIPSEndpointStateUnset, false, nil
}

// GetUseDualStackEndpoint is for functions in a network that has IPv6 only.
func (source) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	switch {
	case is("AWS_USE_DUALSTACK_ENDPOINT", "true"):
		return aws.DualStackEndpointStateEnabled, true, nil
	case is("AWS_USE_DUALSTACK_ENDPOINT", "false"):
		return aws.DualStackEndpointStateDisabled, true, nil
	}
	return aws.DualStackEndpointStateUnset, false, nil
}

func is(name, value string) bool { return strings.EqualFold(os.Getenv(name), value) }
