package contract

// The functions' timeouts, in seconds. The machines' own timeouts and retries
// are measured against them by a test: a task must outlast its function, so
// that the function's error is the one that arrives.
const (
	IngestTimeout            = 15 // Alertmanager waits longer
	CheckHealthTimeout       = 20
	UpdateAcceleratorTimeout = 60
	TakeOfflineTimeout       = 30
	ResyncTimeout            = 60
	InspectTimeout           = 25 // asked by people, not by a machine
)

// StayAwake is the input of a call that is for Lambda alone: a function in a VPC
// that nobody calls for weeks loses its network interface, and then its first call
// fails. No step has this input, and nothing is looked at or done.
const StayAwake = `{"awake":true}`
