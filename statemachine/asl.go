// Package statemachine holds the two machines as Amazon States Language files,
// shown by the console exactly as they are here. README.md draws them.
package statemachine

import _ "embed"

// Guard and Fence are the definitions. Only ${Names} of resources are
// substituted in them.
var (
	//go:embed guard.asl.json
	Guard string
	//go:embed fence.asl.json
	Fence string
)
