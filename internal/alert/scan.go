package alert

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf8"
)

// The functions of this file walk through JSON that json.Valid has accepted.
// They hold on to parts of it instead of copying them, and look at every byte a
// few times at most: with a mebibyte of alerts of a few bytes each, decoding
// every one by encoding/json takes five times as long and hundreds of times the
// memory.

const space = " \t\r\n"

// next cuts the first value off; data begins with it.
func next(data []byte) (value, rest []byte) {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch c := data[i]; c {
		case '"':
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			// Inside of a container, or of a number, true, false or null, which
			// ends where something else begins.
			if depth > 0 || i+1 < len(data) && !ends(data[i+1]) {
				continue
			}
		}
		if depth == 0 {
			return data[:i+1], data[i+1:]
		}
	}
	return data, nil
}

// ends reports whether c cannot be a part of a number, true, false or null.
func ends(c byte) bool {
	switch c {
	case ',', ':', '}', ']', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// inside yields the values of a list, or an object's names and values in turn.
func inside(container []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		rest := container[1 : len(container)-1]
		for {
			rest = bytes.TrimLeft(rest, space+",:")
			if len(rest) == 0 {
				return
			}
			var value []byte
			if value, rest = next(rest); !yield(value) {
				return
			}
		}
	}
}

// members yields an object's names with their values, in order; a name may come
// again. It yields nothing for what is no object.
func members(value []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		if !begins(value, '{') {
			return
		}
		var name []byte
		isName := true
		for part := range inside(value) {
			if isName {
				if name = part[1 : len(part)-1]; bytes.IndexByte(name, '\\') >= 0 {
					s, _ := text(part)
					name = []byte(s)
				}
			} else if !yield(name, part) {
				return
			}
			isName = !isName
		}
	}
}

func begins(value []byte, with byte) bool { return len(value) > 0 && value[0] == with }

func isNull(value []byte) bool { return string(value) == "null" }

// text is a string's content; null is "", as for encoding/json. It is false for
// any other value.
func text(value []byte) (string, bool) {
	if !begins(value, '"') {
		return "", isNull(value)
	}
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), true
	}
	var s string
	err := json.Unmarshal(value, &s)
	return s, err == nil
}
