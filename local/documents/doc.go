// Package documents proves the commands of the documents: that a test runs
// them, or that they are marked as needing what no test has, and that AWS's own
// command line takes those for AWS. What `sitefence` takes is proven beside it;
// those blocks that speak to AWS are run, by local/commands.
package documents
