package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
	"unicode"
)

//go:embed report.html.tmpl
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"clock": clock, "yes": yes, "lower": strings.ToLower,
	"ms":      func(t time.Time) string { return t.UTC().Format("15:04:05.000") },
	"seconds": func(s float64) string { return fmt.Sprintf("%.2f", s) },
	"add":     func(a, b int) int { return a + b },
}).Parse(page))

// HTML writes the report as one page that needs nothing else: no script, no
// resource from elsewhere. It is readable in dark and in light.
func (r Report) HTML(w io.Writer) error {
	alert := ""
	if r.Alert != nil {
		alert = r.Alert.text()
	}
	var b strings.Builder
	err := pageTemplate.Execute(&b, map[string]any{
		"R": r, "Alert": alert, "Title": r.title(), "Charts": r.charts(), "ChangesTitle": r.changesTitle(),
		"NoEndpoints": r.noEndpoints(), "CachesTitle": r.cachesTitle(), "Caches": list(r.Caches),
	})
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	// Control characters of others have no place in a page.
	_, err = io.WriteString(w, strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, b.String()))
	return err
}
