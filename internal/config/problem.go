package config

import "fmt"

// Problem is one thing wrong with the configuration file.
type Problem struct {
	Path string // the field, as deployments[0].sites[1].infinispan.url
	Line int    // 1 is the file's first line; 0 when the field is not there
	Got  string // what was found; never a value that might be a secret
	Want string
	Text string // instead of Got and Want
}

func (p *Problem) Error() string {
	path := p.Path
	if path == "" {
		path = "the file"
	}
	text := path + ": got " + p.Got + ", want " + p.Want
	if p.Text != "" {
		text = path + ": " + p.Text
	}
	if p.Line > 0 {
		text += fmt.Sprintf(" (line %d)", p.Line)
	}
	return text
}

// loader collects the problems of one file.
type loader struct {
	dir      string // what caFile is relative to
	problems []error
	// visit, unless nil, is told of every mapping that is looked for and of the
	// fields that it may have: a test holds the schema against them.
	visit func(path string, known []string)
}
