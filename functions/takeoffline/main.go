// Command takeoffline is the Lambda that stops the surviving site's Infinispan
// from replicating to the fenced one, and proves it.
package main

import (
	"github.com/sitefence/sitefence/internal/takeoffline"
	"github.com/sitefence/sitefence/internal/wiring"
)

func main() { wiring.Serve(takeoffline.New) }
