package awsenv

import (
	"os"
	"runtime"
	"strconv"
)

// fullCPU is the memory in MB with which a function has one CPU (AWS Lambda Developer
// Guide, "Configure Lambda function memory").
const fullCPU = 1769

// ShareCPU keeps Go to one thread where the function has at most one CPU. Lambda shows
// two to every function and lets them run for its share of the time only: a second
// thread gains nothing, and takes a fifth more CPU time for their waking each other
// (docs/performance.md). Call it before anything else.
func ShareCPU() {
	memory, err := strconv.Atoi(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	if err == nil && memory <= fullCPU && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
}
