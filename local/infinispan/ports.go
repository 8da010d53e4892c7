package infinispan

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from below the range that systems use for outgoing
// connections (Linux from 32768, macOS from 49152). A server here goes away and
// must find its port again; from that range, anybody's outgoing connection
// could have taken it meanwhile, even one that tries to reach the absent
// server (TCP lets a socket connect to itself).
const (
	lowestPort = 20000
	portCount  = 10000
)

// listen opens a free port of the loopback interface.
func listen() (net.Listener, error) {
	var err error
	for range 100 {
		var l net.Listener
		l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.IntN(portCount)))
		if err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("looking for a free port: %w", err)
}

// freePorts returns n different ports that were free a moment ago.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := listen()
		if err != nil {
			return nil, err
		}
		// Held until all are chosen, so that none comes twice.
		defer func() { _ = l.Close() }()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
