// Package statemachine holds the three machines as Amazon States Language files,
// shown by the console exactly as they are here. README.md draws them.
package statemachine

import _ "embed"

// Guard, Fence and Restore are the definitions. Only ${Names} are substituted in
// them: of resources, and the limits of limits.go.
var (
	//go:embed guard.asl.json
	Guard string
	//go:embed fence.asl.json
	Fence string
	//go:embed restore.asl.json
	Restore string
)
