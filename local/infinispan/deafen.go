package infinispan

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Deafener is a World whose link can be cut in one direction.
type Deafener interface {
	World
	// Deafen has JGroups at the site lose every message of the other sites, while
	// they hear it still; or, when deaf is false, hear again. It returns at once:
	// the sites notice later. A restart ends it.
	Deafen(ctx context.Context, site string, deaf bool) error
}

// Deafen implements Deafener.
func (w *realWorld) Deafen(ctx context.Context, site string, deaf bool) error {
	if _, err := w.find(site); err != nil {
		return err
	}
	port := w.nodes[site].ProbePort
	if port == 0 {
		return errors.New("deafening a site: the world was not started with OneWay")
	}
	rate := "0.0"
	if deaf {
		rate = "1.0"
	}
	return w.step(ctx, 10*time.Second, func(ctx context.Context) error {
		if err := probe(ctx, port, "op=DISCARD.setUpDiscardRate["+rate+"]"); err != nil {
			return fmt.Errorf("deafening %s: %w", site, err)
		}
		return nil
	})
}

// probe tells the JGroups of a site something, over its own protocol: a line, and
// an answer that names the protocol that did it.
func probe(ctx context.Context, port int, request string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := fmt.Fprintln(conn, request); err != nil {
		return err
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "DISCARD.setUpDiscardRate=DISCARD") {
			return nil
		}
	}
	return errors.New("JGroups did not say that it was done")
}
