// Command checkhealth is the Lambda that looks at the accelerator and at the
// sites' Infinispan and decides whether the site must be fenced. It changes nothing.
package main

import (
	"github.com/sitefence/sitefence/internal/checkhealth"
	"github.com/sitefence/sitefence/internal/wiring"
)

func main() { wiring.Serve(checkhealth.New) }
