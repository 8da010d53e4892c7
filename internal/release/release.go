// Package release names the release that a binary was built from. Everything of
// one stack is of one release: the functions log it, the resources are tagged
// with it, and the doctor compares them.
package release

import "strings"

// Version is the release in development, or the released one in its tag.
const Version = "0.1.0-dev"

// Tag is the key of the tag that every resource of the stack has.
const Tag = "sitefence:release"

// Ref is the git ref with the files of this release: its tag, or what it is
// developed on.
func Ref() string {
	if strings.HasSuffix(Version, "-dev") {
		return "main"
	}
	return "v" + Version
}
