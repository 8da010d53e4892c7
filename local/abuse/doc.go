// Package abuse holds no code, only tests: the product's own ingest binary,
// behind a Function URL and a Lambda runtime of ours, stands floods of wrong
// passwords, of alerts and of webhooks.
//
//	go test ./local/abuse -v -figures figures.md
//
// also writes the measured figures as a Markdown table (into this folder,
// unless the path is absolute).
package abuse
