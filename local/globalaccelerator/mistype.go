package globalaccelerator

import "encoding/json"

// mistype rewrites an answer with a wrong type for every value in it.
func mistype(body []byte) []byte {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return []byte(`"no object"`) // an operation without output
	}
	return mustEncode(swapTypes(v))
}

func swapTypes(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = swapTypes(member)
		}
		return v
	case []any:
		for i, item := range v {
			v[i] = swapTypes(item)
		}
		if len(v) == 0 {
			return "no list"
		}
		return v
	case string:
		return 1
	default:
		return "neither a number nor a boolean"
	}
}
