package globalaccelerator_test

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/sitefence/sitefence/local/globalaccelerator"
)

// The strict reading of requests must know every member that the SDK can send, in
// every operation and every structure.
func TestEveryMemberOfTheSDKIsKnown(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	nested := map[string]any{
		"EndpointConfigurations": types.EndpointConfiguration{}, "EndpointIdentifiers": types.EndpointIdentifier{},
		"PortOverrides": types.PortOverride{}, "PortRanges": types.PortRange{}, "Tags": types.Tag{},
	}
	for _, input := range []any{
		sdk.CreateAcceleratorInput{}, sdk.DescribeAcceleratorInput{}, sdk.ListAcceleratorsInput{},
		sdk.CreateListenerInput{}, sdk.DescribeListenerInput{}, sdk.ListListenersInput{}, sdk.DeleteListenerInput{},
		sdk.CreateEndpointGroupInput{}, sdk.DescribeEndpointGroupInput{}, sdk.ListEndpointGroupsInput{},
		sdk.UpdateEndpointGroupInput{}, sdk.DeleteEndpointGroupInput{}, sdk.AddEndpointsInput{}, sdk.RemoveEndpointsInput{},
	} {
		op := strings.TrimSuffix(reflect.TypeOf(input).Name(), "Input")
		t.Run(op, func(t *testing.T) {
			body := nulls(input, func(member string) string {
				if structure, ok := nested[member]; ok {
					return "[" + nulls(structure, func(string) string { return "null" }) + "]"
				}
				return "null"
			})
			if answer := post(t, fake, op, body); strings.Contains(answer, "SerializationException") || strings.Contains(answer, "UnknownOperation") {
				t.Errorf("%s\nanswered %s", body, answer)
			}
		})
	}
}

// nulls is a JSON object with every exported member of the structure.
func nulls(structure any, value func(member string) string) string {
	var list []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(structure)) {
		if f.IsExported() {
			list = append(list, fmt.Sprintf("%q:%s", f.Name, value(f.Name)))
		}
	}
	return "{" + strings.Join(list, ",") + "}"
}

func post(t *testing.T, fake *globalaccelerator.Fake, op, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fake.URL()+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "GlobalAccelerator_V20180706."+op)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("Authorization", scope)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
