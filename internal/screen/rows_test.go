package screen_test

import (
	"bytes"
	"testing"

	"github.com/sitefence/sitefence/internal/screen"
)

func TestRows(t *testing.T) {
	var out bytes.Buffer
	s := screen.New(&out, false)
	err := s.Rows(screen.Text("a text that is longer than every column"), screen.Text("paused", "no"), screen.Text("last\nfence", "none"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "a text that is longer than every column\npaused      no\nlast fence  none\n"; out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
