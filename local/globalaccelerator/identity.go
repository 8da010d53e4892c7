package globalaccelerator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Identifiers are hashes of what they name, so that a run can be repeated with
// the same ARNs, and a configuration can name them before they exist.

func digest(of string) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:])
}

func newUUID(of string) string {
	h := digest(of)
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:32])
}

// identify gives the accelerator the names of the n-th accelerator of the
// account. Source of the forms: DnsName and DualStackDnsName in the API
// reference ("a lowercase letter a, followed by a 16-bit random hex string").
func (f *Fake) identify(a *Accelerator, n int) {
	seed := fmt.Sprintf("accelerator %d %s", n, a.Name)
	a.ARN = fmt.Sprintf("arn:aws:globalaccelerator::%s:accelerator/%s", f.opts.Account, newUUID(seed))
	label := "a" + digest(seed)[32:48]
	a.DNSName = label + ".awsglobalaccelerator.com"
	a.IPAddresses = []string{fmt.Sprintf("192.0.2.%d", 1+n%254), fmt.Sprintf("198.51.100.%d", 1+n%254)}
	a.Created = f.opts.Now()
	a.Modified = a.Created
}

func dualStackName(dnsName string) string {
	return dnsName[:17] + ".dualstack.awsglobalaccelerator.com"
}

// listenerARN and groupARN are unique because no two listeners of an accelerator
// may share a port and protocol, and no two groups of a listener a Region.

func listenerARN(accelerator string, l Listener) string {
	return accelerator + "/listener/" + digest(fmt.Sprint("listener ", accelerator, l.Protocol, l.Ports))[:8]
}

func groupARN(listener, region string) string {
	return listener + "/endpoint-group/" + digest("group " + listener + region)[:12]
}
