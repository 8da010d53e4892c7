// Package operatortest holds the manifests against the Kubernetes API's and the
// Prometheus operator's own Go types, schemas and validation. It is a module of
// its own, outside of the workspace, so that their dependencies choose no
// version for anything that is shipped.
package operatortest
