package costs_test

// USD in us-east-1 beyond the free tiers, by what is counted. The document says
// where they were read and when.
const (
	alarmMonth     = 0.10 // one metric, standard resolution
	metricMonth    = 0.30 // custom; only for the hours in which it is written
	dashboardMonth = 3.00
	secretMonth    = 0.40
	secretRead     = 0.05 / 10_000
	keyMonth       = 1.00 // customer managed KMS key
	transition     = 0.025 / 1000
	invocation     = 0.20 / 1e6
	gigabyteSecond = 0.0000133334 // arm64
	event          = 1.00 / 1e6
	scheduled      = 1.00 / 1e6
	logGigabyte    = 0.50 // taken in; kept: 0.03 a month

	// What cannot be counted here, on the high side: how long a function runs, and
	// what it and its machine log.
	secondsARun = 1.0
	bytesALine  = 2048
)
