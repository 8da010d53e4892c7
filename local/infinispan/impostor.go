package infinispan

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"time"
)

// Guise is what is wrong with an Impostor.
type Guise string

// The guises. A client that trusts Impostor.CA must send nothing to any of them
// but Genuine, with which nothing is wrong.
const (
	Genuine      Guise = "genuine"
	AnotherCA    Guise = "another CA"     // signed by an authority that the client does not have
	WrongHost    Guise = "wrong host"     // a certificate for another host
	Expired      Guise = "expired"        // since an hour
	NotYetValid  Guise = "not yet valid"  // for another hour
	NotForServer Guise = "not for server" // a client's certificate
	PlainHTTP    Guise = "plain HTTP"     // no TLS on an https URL
	OldTLS       Guise = "TLS 1.1"        // and nothing newer
)

// Impostor is a server that stands at a site's address and notes all that it is
// sent. Whoever believes it learns that the site sees nobody else, and that
// whatever it asks for was done: the worst there is to be believed.
type Impostor struct {
	URL string // https, whatever it speaks
	CA  []byte // PEM: what the client is to trust

	server *httptest.Server
	mu     sync.Mutex
	sent   bytes.Buffer // bytes as they came, and requests as they were understood
	count  int
}

// NewImpostor starts a server in a guise, which calls itself by a site's name.
func NewImpostor(guise Guise, site string) (*Impostor, error) {
	trusted, err := newAuthority("the client's authority")
	if err != nil {
		return nil, err
	}
	i := &Impostor{CA: trusted.pem}
	signer := trusted
	if guise == AnotherCA {
		// The same name, so that nothing but the signature tells them apart.
		if signer, err = newAuthority("the client's authority"); err != nil {
			return nil, err
		}
	}
	id, err := signer.issue(site, func(c *x509.Certificate) { guise.spoil(c) })
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(id.cert, id.key)
	if err != nil {
		return nil, fmt.Errorf("reading the impostor's certificate back: %w", err)
	}
	i.server = httptest.NewUnstartedServer(i.handler(site))
	i.server.Listener = recorded{i.server.Listener, i}
	i.server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
	i.server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10}
	if guise == OldTLS {
		i.server.TLS.MaxVersion = tls.VersionTLS11
	}
	if guise == PlainHTTP {
		i.server.Start()
	} else {
		i.server.StartTLS()
	}
	i.URL = "https://" + i.server.Listener.Addr().String()
	return i, nil
}

func (g Guise) spoil(c *x509.Certificate) {
	switch g {
	case WrongHost:
		c.IPAddresses, c.DNSNames = []net.IP{net.IPv4(192, 0, 2, 1)}, []string{"site.example"}
	case Expired:
		c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour)
	case NotYetValid:
		c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(48*time.Hour)
	case NotForServer:
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
}

func (i *Impostor) handler(site string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := httputil.DumpRequest(r, true)
		i.mu.Lock()
		i.count++
		i.sent.Write(text)
		i.mu.Unlock()
		w.Header().Set("Content-Type", jsonType)
		switch {
		case err != nil:
			w.WriteHeader(http.StatusBadRequest)
		case r.Method == http.MethodPost:
			_, _ = io.WriteString(w, `{"sessions":"ok"}`)
		case strings.Contains(r.URL.Path, "/x-site/"):
			_, _ = io.WriteString(w, `{"status":"offline"}`)
		default:
			_, _ = fmt.Fprintf(w, `{"local_site":%q,"sites_view":[%q]}`, site, site)
		}
	}
}

// Requests is how many requests it could read.
func (i *Impostor) Requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.count
}

// Sent is all that came, in whatever form.
func (i *Impostor) Sent() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sent.String()
}

// Close ends it.
func (i *Impostor) Close() { i.server.Close() }

// recorded is a listener whose connections note what they read.
type recorded struct {
	net.Listener
	i *Impostor
}

func (l recorded) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return recordedConn{c, l.i}, nil
}

type recordedConn struct {
	net.Conn
	i *Impostor
}

func (c recordedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.i.mu.Lock()
	defer c.i.mu.Unlock()
	c.i.sent.Write(p[:n])
	return n, err
}
