package wiring

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// misspelt names a member of the input whose name is one of In's in other
// letters: encoding/json would take it for that one. The rule on the bus, which
// keeps orders from the guard, looks at exact names.
func misspelt[In any](raw json.RawMessage) error {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members) // what is no object has none
	known := names(reflect.TypeFor[In]())
	for _, member := range slices.Sorted(maps.Keys(members)) {
		for _, name := range known {
			if member != name && strings.EqualFold(member, name) {
				return fmt.Errorf("%.60q: want %s", member, name)
			}
		}
	}
	return nil
}

func names(t reflect.Type) []string {
	var all []string
	if t.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			all = append(all, name)
		}
	}
	return all
}
