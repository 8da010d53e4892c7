package infra

import "github.com/sitefence/sitefence/internal/contract"

// reports is the pattern of the events that start a deployment's guard: reports of
// a site that is offline, and drills. What only an operator may order does not
// come by the bus: whoever may put events there could fence a healthy pair.
//
// `exists` looks at leaves only (EventBridge's guide, "Exists matching"), so
// fields that are objects are told by their own.
func reports(deployment string) map[string]any {
	absent := []any{map[string]any{"exists": false}}
	return map[string]any{
		"version": []string{contract.Version}, "deployment": []string{deployment},
		"forced": absent, "operation": absent,
		"order": map[string]any{"by": absent}, "endpoints": map[string]any{"endpoint": absent},
	}
}
