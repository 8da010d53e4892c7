package infinispan

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

//go:embed server.xml.tmpl
var serverXML string

//go:embed log4j2.xml
var loggingXML []byte

var serverTemplate = template.Must(template.New("server.xml").Parse(serverXML))

// node is what one real server is configured with.
type node struct {
	Site                          string
	Sites, Caches                 []string
	Port, ClusterPort, RouterPort int
	ProbePort                     int    // of JGroups between the sites; 0: none
	root                          string // the server's folder
}

// Others are the sites that this one backs up to.
func (n *node) Others() []string {
	return slices.DeleteFunc(slices.Clone(n.Sites), func(s string) bool { return s == n.Site })
}

// console is the file that takes what the server prints.
func (n *node) console() string { return filepath.Join(n.root, "log", "console.log") }

// writeConfig lays out the server's folder, without anything of an earlier
// world: the server refuses the state of another release. The template needs no escaping:
// every value is a number or a name that Options.check has let through.
func (n *node) writeConfig(id identity, opt Options) error {
	var xml bytes.Buffer
	if err := serverTemplate.Execute(&xml, n); err != nil {
		return fmt.Errorf("filling in the configuration of %s: %w", n.Site, err)
	}
	if err := os.RemoveAll(n.root); err != nil {
		return fmt.Errorf("clearing the folder of %s: %w", n.Site, err)
	}
	for _, dir := range []string{"conf", "data", "log", "lib"} {
		if err := os.MkdirAll(filepath.Join(n.root, dir), 0o700); err != nil {
			return fmt.Errorf("laying out %s: %w", n.Site, err)
		}
	}
	for name, content := range map[string][]byte{
		"server.xml": xml.Bytes(),
		"log4j2.xml": loggingXML,
		"server.pem": slices.Concat(id.key, id.cert),
		// Without its first line the server takes the passwords for digests.
		"users.properties": fmt.Appendf(nil, "#$REALM_NAME=default$\n#$ALGORITHM=clear$\n%s=%s\n%s=%s\n",
			opt.User, escapeProperty(opt.Password), opt.LimitedUser, escapeProperty(opt.LimitedPassword)),
		// The groups are named as the server's roles, which is how it maps them.
		"groups.properties": fmt.Appendf(nil, "%s=admin\n%s=application\n", opt.User, opt.LimitedUser),
	} {
		if err := os.WriteFile(filepath.Join(n.root, "conf", name), content, 0o600); err != nil {
			return fmt.Errorf("writing %s of %s: %w", name, n.Site, err)
		}
	}
	return nil
}

// escapeProperty keeps any printable password whole through the server's
// properties parser.
func escapeProperty(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`\=:#! `, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
