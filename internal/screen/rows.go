package screen

import (
	"strings"
	"unicode/utf8"
)

// Rows is a Table without a header. A row of one cell is a text of its own: it
// takes no part in the columns' widths.
func (s *Screen) Rows(rows ...[]Cell) error {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if len(row) > 1 {
				widths[i] = max(widths[i], utf8.RuneCountInString(Clean(c.Text)))
			}
		}
	}
	var b strings.Builder
	for _, row := range rows {
		s.row(&b, row, widths)
	}
	return s.write(b.String())
}
