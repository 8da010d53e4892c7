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
