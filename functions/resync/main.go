// Command resync is the Lambda that brings the data of a fenced site up to the
// survivor's, step by step, and says when the site may rejoin.
package main

import (
	"github.com/sitefence/sitefence/internal/resync"
	"github.com/sitefence/sitefence/internal/wiring"
)

func main() { wiring.Serve(resync.New) }
