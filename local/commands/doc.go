// Package commands runs the operator's command against the whole local stack:
// the scripts in cmd/sitefence/testdata/script, one after the other, with the
// built binary and a real deployment. A script begins in a good world: both
// sites serve, nothing runs, nothing is paused.
//
// A script that needs what a stack may not have says so in its header:
//
//	# needs: Restore Inspect
//
// It is skipped unless the stack's outputs have a key that begins with each.
package commands
