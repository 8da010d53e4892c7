//go:build race

package storm_test

// The race detector makes it slow, and needs no hundred to see a race.
const deployments = 12
