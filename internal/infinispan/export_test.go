package infinispan

import (
	"context"
	"net"
	"net/http"
)

// Over makes the client speak HTTP over the connections that dial makes, as if
// they were TLS to its site. All else is as New made it.
func (c *Client) Over(dial func(context.Context, string, string) (net.Conn, error)) {
	transport, _ := c.http.Transport.(*http.Transport)
	transport.DialTLSContext = dial
}

// Usable is how many connections wait for their call.
func (c *Client) Usable() (n int) {
	c.http.mu.Lock()
	defer c.http.mu.Unlock()
	for _, o := range c.http.ahead {
		if !o.useless() {
			n++
		}
	}
	return n
}
