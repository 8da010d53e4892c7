//go:build !race

package storm_test

const deployments = 100
