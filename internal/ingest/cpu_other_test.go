//go:build !unix

package ingest

import "time"

var began = time.Now()

func worked() time.Duration { return time.Since(began) }
