package wiring

import "net/http"

// Clients are what New makes its HTTP clients of.
func Clients() (reading, writing http.Client) {
	r, w := clients()
	one, _ := r.(*http.Client)
	other, _ := w.(*http.Client)
	return *one, *other
}
