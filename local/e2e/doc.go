// Package e2e holds the tests of the deployed stack: real executions of the
// real machines, real HTTP to the ingest URL, fakes that keep state around
// them. After every scenario the invariants are checked over all that happened.
package e2e
