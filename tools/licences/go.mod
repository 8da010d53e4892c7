module github.com/sitefence/sitefence/tools/licences

go 1.26.0

toolchain go1.26.8

require (
	github.com/google/go-cmp v0.7.0
	github.com/google/licensecheck v0.3.1
)
