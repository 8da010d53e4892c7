package globalaccelerator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/sitefence/sitefence/local/globalaccelerator"
)

const scope = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-west-2/globalaccelerator/aws4_request, SignedHeaders=host, Signature=0"

// What no SDK would send.
func TestRawRequests(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	arn := pair(t, fake)
	set := func(endpoint string) string {
		return `{"EndpointGroupArn":"` + arn + `","EndpointConfigurations":[` + endpoint + `]}`
	}
	tests := map[string]struct {
		op, method, path, contentType, authorization, body string
		wantStatus                                         int
		wantType, wantText                                 string
	}{
		"the plain call":                  {body: set(`{"EndpointId":"` + nlbA + `","Weight":3}`), wantStatus: 200},
		"health sent back as it was read": {body: set(`{"EndpointId":"` + nlbA + `","HealthState":"HEALTHY"}`), wantStatus: 400, wantType: "SerializationException", wantText: "EndpointConfigurations[0].HealthState"},
		"a null health sent back":         {body: set(`{"EndpointId":"` + nlbA + `","HealthReason":null}`), wantStatus: 400, wantType: "SerializationException"},
		"a member of wrong case":          {body: set(`{"endpointId":"` + nlbA + `"}`), wantStatus: 400, wantType: "SerializationException"},
		"a name of ours":                  {body: `{"settings":{}}`, wantStatus: 400, wantType: "SerializationException"},
		"a wrong type":                    {body: set(`{"EndpointId":7}`), wantStatus: 400, wantType: "SerializationException"},
		"a list that is none":             {body: `{"EndpointGroupArn":"` + arn + `","EndpointConfigurations":{}}`, wantStatus: 400, wantType: "SerializationException"},
		"no JSON":                         {body: `{`, wantStatus: 400, wantType: "SerializationException"},
		"two documents":                   {body: `{} {}`, wantStatus: 400, wantType: "SerializationException"},
		"no group":                        {body: `{"EndpointConfigurations":[]}`, wantStatus: 400, wantType: "ValidationException", wantText: "'EndpointGroupArn'"},
		"an endpoint without id":          {body: set(`{"Weight":1}`), wantStatus: 400, wantType: "InvalidArgumentException"},
		"nothing to remove":               {op: "RemoveEndpoints", body: `{"EndpointGroupArn":"` + arn + `","EndpointIdentifiers":[]}`, wantStatus: 400, wantType: "ValidationException"},
		"a removal without id":            {op: "RemoveEndpoints", body: `{"EndpointGroupArn":"` + arn + `","EndpointIdentifiers":[{}]}`, wantStatus: 400, wantType: "ValidationException", wantText: "EndpointIdentifiers.1.member.EndpointId"},
		"an ARN that is too long":         {body: `{"EndpointGroupArn":"` + strings.Repeat("x", 256) + `"}`, wantStatus: 400, wantType: "ValidationException"},
		"an unknown group":                {body: `{"EndpointGroupArn":"x"}`, wantStatus: 404, wantType: "EndpointGroupNotFoundException"},
		"an unknown operation":            {op: "UpdateEverything", body: `{}`, wantStatus: 400, wantType: "UnknownOperationException"},
		"a GET":                           {method: http.MethodGet, wantStatus: 400, wantType: "UnknownOperationException"},
		"another path":                    {path: "/x", body: `{}`, wantStatus: 400, wantType: "UnknownOperationException"},
		"another content type":            {contentType: "application/json", body: `{}`, wantStatus: 400, wantType: "SerializationException"},
		"no signature":                    {authorization: "none", body: `{}`, wantStatus: 403, wantType: "MissingAuthenticationTokenException"},
		"another Region":                  {authorization: strings.Replace(scope, "us-west-2", "eu-west-1", 1), body: `{}`, wantStatus: 400, wantType: "InvalidSignatureException", wantText: "eu-west-1"},
		"another service":                 {authorization: strings.Replace(scope, "globalaccelerator", "ec2", 1), body: `{}`, wantStatus: 400, wantType: "InvalidSignatureException"},
		"Basic authorization":             {authorization: "Basic eDp5", body: `{}`, wantStatus: 400, wantType: "InvalidSignatureException"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			or := func(s, otherwise string) string {
				if s == "" {
					return otherwise
				}
				return s
			}
			r, err := http.NewRequestWithContext(t.Context(), or(tt.method, http.MethodPost), fake.URL()+or(tt.path, "/"), strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Amz-Target", "GlobalAccelerator_V20180706."+or(tt.op, "UpdateEndpointGroup"))
			r.Header.Set("Content-Type", or(tt.contentType, "application/x-amz-json-1.1"))
			if tt.authorization != "none" {
				r.Header.Set("Authorization", or(tt.authorization, scope))
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }()
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			var refusal struct {
				Type string `json:"__type"`
				Text string `json:"Message"`
			}
			if err := json.Unmarshal(body, &refusal); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if answer.StatusCode != tt.wantStatus || refusal.Type != tt.wantType || !strings.Contains(refusal.Text, tt.wantText) {
				t.Errorf("%d %s, want %d %s with %q", answer.StatusCode, body, tt.wantStatus, tt.wantType, tt.wantText)
			}
			if answer.Header.Get("Content-Type") != "application/x-amz-json-1.1" || answer.Header.Get("X-Amzn-Requestid") == "" {
				t.Errorf("headers %v", answer.Header)
			}
		})
	}
}

func TestClientOfAnotherRegionIsRefused(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	c := client(fake, func(o *sdk.Options) { o.Region = "eu-west-1" })
	_, err := c.ListAccelerators(t.Context(), &sdk.ListAcceleratorsInput{})
	if got := code(err); got != "InvalidSignatureException" {
		t.Errorf("got %q", got)
	}
}

// Every member of an update arrives where it belongs.
func TestUpdateOfEverything(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	arn := pair(t, fake)
	_, err := client(fake).UpdateEndpointGroup(t.Context(), &sdk.UpdateEndpointGroupInput{
		EndpointGroupArn: aws.String(arn), TrafficDialPercentage: aws.Float32(12.5),
		HealthCheckIntervalSeconds: aws.Int32(10), HealthCheckPath: aws.String("/live"), HealthCheckPort: aws.Int32(8443),
		HealthCheckProtocol: types.HealthCheckProtocolHttps, ThresholdCount: aws.Int32(2),
		PortOverrides: []types.PortOverride{{ListenerPort: aws.Int32(443), EndpointPort: aws.Int32(8443)}},
		EndpointConfigurations: []types.EndpointConfiguration{
			{EndpointId: aws.String(nlbA), Weight: aws.Int32(1), ClientIPPreservationEnabled: aws.Bool(true)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	g, _ := fake.Snapshot().Group(arn)
	want := globalaccelerator.HealthCheck{Port: 8443, Protocol: "HTTPS", Path: "/live", Interval: 10, Threshold: 2}
	if g.HealthCheck != want || g.Dial != 12.5 || len(g.Overrides) != 1 || len(g.Endpoints) != 1 {
		t.Errorf("got %+v", g)
	}
}

func TestStartAndClose(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	if err := fake.Start(); err == nil {
		t.Error("it started twice")
	}
	if err := fake.Close(); err != nil {
		t.Error(err)
	}
	if err := fake.Close(); err != nil {
		t.Error(err)
	}
	if _, err := client(fake).ListAccelerators(t.Context(), &sdk.ListAcceleratorsInput{}); err == nil {
		t.Error("it answers after Close")
	}
}
