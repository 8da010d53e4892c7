package globalaccelerator

import (
	"fmt"
	"reflect"
)

// maxString is the length limit of nearly every string in the API model
// (GenericString and IdempotencyToken).
const maxString = 255

// constrain holds a request to what the API model says of members' presence and
// length. A field says `api:"required"`, and a list's bounds as `list:"1-10"`.
// Ranges of numbers are left to the operations, which refuse them as
// InvalidArgumentException.
func constrain(v reflect.Value, path string) *denial {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return constrain(v.Elem(), path)
		}
	case reflect.String:
		if v.Len() > maxString {
			return violation(path, fmt.Sprintf("Member must have length less than or equal to %d", maxString))
		}
	case reflect.Slice:
		for i := range v.Len() {
			if refusal := constrain(v.Index(i), fmt.Sprintf("%s.%d.member", path, i+1)); refusal != nil {
				return refusal
			}
		}
	case reflect.Struct:
		return constrainMembers(v, path)
	}
	return nil
}

func constrainMembers(v reflect.Value, path string) *denial {
	for i := range v.NumField() {
		field, member := v.Type().Field(i), v.Field(i)
		name := path + "." + field.Name
		if path == "" {
			name = field.Name
		}
		if field.Anonymous {
			name = path
		}
		nilable := member.Kind() == reflect.Pointer || member.Kind() == reflect.Slice
		if field.Tag.Get("api") == "required" && nilable && member.IsNil() {
			return violation(name, "Member must not be null")
		}
		if bounds := field.Tag.Get("list"); bounds != "" && !member.IsNil() {
			var least, most int
			if _, err := fmt.Sscanf(bounds, "%d-%d", &least, &most); err != nil {
				panic("the list tag of " + name + ": " + err.Error())
			}
			if n := member.Len(); n < least || n > most {
				return violation(name, fmt.Sprintf("Member must have %d to %d items, has %d", least, most, n))
			}
		}
		if refusal := constrain(member, name); refusal != nil {
			return refusal
		}
	}
	return nil
}

func violation(path, constraint string) *denial {
	return refuse(ValidationException, "1 validation error detected: Value at '%s' failed to satisfy constraint: %s", path, constraint)
}
