// Package machines holds the tests of the two real state machines against the
// traps of their language: what a function may answer, how it may die, which
// names stand in the lists. The functions are stubs that each test scripts, so
// that any answer and any failure can be given; the machines are the ASL files
// as they are, but for the substituted names and for what a test says it
// changes. No execution may fail in an expression, or in a text too long for AWS.
package machines
