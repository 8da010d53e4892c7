package status

import (
	"fmt"
	"strings"

	"github.com/sitefence/sitefence/internal/contract"
)

func find(site Site, to contract.Site) (Replication, bool) {
	for _, r := range site.Replication {
		if r.To == to {
			return r, true
		}
	}
	return Replication{}, false
}

func names(sites []Site) string {
	var all []string
	for _, s := range sites {
		all = append(all, string(s.Name))
	}
	return strings.Join(all, " and ")
}

func everyone(n int) string {
	if n == 2 {
		return "Both sites"
	}
	return fmt.Sprintf("All %d sites", n)
}

func verb(n int, plural string) string {
	if n == 1 {
		return plural + "s"
	}
	return plural
}

func count(n int, one, many string) string {
	if n == 1 {
		return "a " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func because(problems []string) string {
	if len(problems) == 0 {
		return ""
	}
	return ": " + strings.TrimRight(problems[0], ".")
}

// sentence ends a text with one full stop.
func sentence(text string) string { return strings.TrimRight(text, ". ") + "." }
