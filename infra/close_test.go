//go:build !race

package infra_test

import "github.com/aws/jsii-runtime-go"

// closeCDK ends the CDK's process and removes its files.
func closeCDK() { jsii.Close() }
