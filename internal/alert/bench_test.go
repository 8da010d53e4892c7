package alert_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/alert"
)

// BenchmarkDecode reads bodies without looking at their alerts.
func BenchmarkDecode(b *testing.B) {
	const one = `{"status":"firing","labels":{"alertname":"SiteOffline","accelerator":"a1.example.com","reporter":"a","site":"b"},` +
		`"annotations":{"summary":"x"},"startsAt":"2026-11-23T10:59:30Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"0123456789abcdef"}`
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("alerts=%d", n), func(b *testing.B) {
			body := []byte(`{"version":"4","groupKey":"x","alerts":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := alert.Decode(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
