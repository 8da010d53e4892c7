package config

import (
	"strings"
	"unicode/utf8"
)

// unknown is what is said of a field that is not known: which one may have been
// meant, and all that are. Only the key is told: the value might be a password.
func unknown(name string, known []string) string {
	text := "unknown field"
	if meant := nearest(name, known); meant != "" {
		text += ": did you mean " + meant + "?"
	} else {
		text += ";"
	}
	return text + " known here: " + strings.Join(known, ", ")
}

// longestName is more than the length of any field: what is longer is no slip.
const longestName = 40

// nearest is the known name that a slip of the fingers turns into this one: at
// most a third of its letters are wrong, whatever their case. "" if none is near.
func nearest(name string, known []string) string {
	if utf8.RuneCountInString(name) > longestName {
		return ""
	}
	// Half a name is a slip too: password for passwordSecret.
	for _, k := range known {
		if len(name) >= 3 && strings.HasPrefix(strings.ToLower(k), strings.ToLower(name)) {
			return k
		}
	}
	best, meant := 1+max(1, utf8.RuneCountInString(name)/3), ""
	for _, k := range known {
		if d := distance([]rune(strings.ToLower(name)), []rune(strings.ToLower(k))); d < best {
			best, meant = d, k
		}
	}
	return meant
}

// distance counts the letters to insert, to delete, to replace or to swap with
// their neighbour (the optimal string alignment of a and b).
func distance(a, b []rune) int {
	row := func() []int { return make([]int, len(b)+1) }
	before, last, now := row(), row(), row()
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
