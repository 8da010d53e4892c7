package emulator_test

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/emulator"
)

const (
	trustAnyone = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
	listOne     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"globalaccelerator:ListListeners","Resource":"arn:aws:globalaccelerator::000000000000:accelerator/one"}]}`
	listTwo     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"globalaccelerator:ListListeners","Resource":"arn:aws:globalaccelerator::000000000000:accelerator/two"}]}`
)

// TestAuthorize: the policy of the role behind a key decides, as it is now; a
// key that the emulator does not know may do nothing.
func TestAuthorize(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := emulator.Start(ctx, emulator.Options{EnforceIAM: true})
	require(t, err)
	t.Cleanup(e.Stop)
	form := func(service string, values url.Values) []byte {
		t.Helper()
		out, err := call(ctx, e, http.MethodPost, service, "/", values.Encode(), map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	form("iam", url.Values{"Action": {"CreateRole"}, "RoleName": {"reader"}, "AssumeRolePolicyDocument": {trustAnyone}})
	policy := url.Values{"Action": {"PutRolePolicy"}, "RoleName": {"reader"}, "PolicyName": {"p"}, "PolicyDocument": {listOne}}
	form("iam", policy)
	var assumed struct {
		Key string `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
	}
	answer := form("sts", url.Values{"Action": {"AssumeRole"}, "RoleArn": {"arn:aws:iam::000000000000:role/reader"}, "RoleSessionName": {"s"}})
	if err := xml.Unmarshal(answer, &assumed); err != nil || assumed.Key == "" {
		t.Fatalf("assuming the role: %v\n%s", err, answer)
	}
	check := func(key, action, accelerator, want string) {
		t.Helper()
		refusal, err := e.Authorize(ctx, key, action, "arn:aws:globalaccelerator::000000000000:accelerator/"+accelerator)
		if err != nil || (refusal == "") != (want == "") || !strings.Contains(refusal, want) {
			t.Errorf("%s of %s: got %q, %v; want %q", action, accelerator, refusal, err, want)
		}
	}
	const list, write = "globalaccelerator:ListListeners", "globalaccelerator:UpdateEndpointGroup"
	check(assumed.Key, list, "one", "")
	check(assumed.Key, list, "two", "assumed-role/reader/s is not authorized to perform: "+list+" on resource: arn:aws:globalaccelerator::000000000000:accelerator/two")
	check(assumed.Key, write, "one", "not authorized to perform: "+write)
	check("ASIAUNKNOWN000000000", list, "one", "security token")
	policy.Set("PolicyDocument", listTwo)
	form("iam", policy)
	check(assumed.Key, list, "one", "not authorized")
	check(assumed.Key, list, "two", "")
}
