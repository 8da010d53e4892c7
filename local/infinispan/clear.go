package infinispan

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Clearer is a World whose sites can be emptied.
type Clearer interface {
	World
	// Clear empties every cache of the site. It reaches the other sites too,
	// unless the site's replication to them is offline.
	Clear(ctx context.Context, site string) error
}

// Clear implements Clearer.
func (w *realWorld) Clear(ctx context.Context, site string) error {
	var errs []error
	for _, cache := range w.caches {
		if _, err := w.call(ctx, site, http.MethodPost, "/rest/v2/caches/"+cache+"?action=clear", ""); err != nil {
			errs = append(errs, fmt.Errorf("clearing %s at %s: %w", cache, site, err))
		}
	}
	return errors.Join(errs...)
}
