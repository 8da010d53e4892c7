// Command updateaccelerator is the Lambda that takes a site out of the
// accelerator, and the only part of Sitefence that writes it.
package main

import (
	"github.com/sitefence/sitefence/internal/updateaccelerator"
	"github.com/sitefence/sitefence/internal/wiring"
)

func main() { wiring.Serve(updateaccelerator.New) }
