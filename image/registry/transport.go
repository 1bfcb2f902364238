package registry

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// Patience with a registry.
const (
	dialTime = 30 * time.Second
	// answerTime is from the end of a request to the head of its answer: a
	// registry computes the digest of what was pushed in it.
	answerTime = 2 * time.Minute
	// stallTime is how long a blob's bytes may pause, either way.
	stallTime = time.Minute
	// maxRedirects is as many as a registry needs to hand over to its store.
	maxRedirects = 5
)

// newClient makes the HTTP client of one registry.
func newClient(plain bool, o Options) (*auth.Client, error) {
	dialer := &net.Dialer{Timeout: dialTime, KeepAlive: 30 * time.Second}
	if plain && !o.PlainHTTP {
		dialer.Control = loopbackOnly
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: answerTime, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // a blob is the bytes that its digest names
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, fmt.Errorf("docker's configuration, which holds the credentials, cannot be read: %w", err)
	}
	return &auth.Client{
		Client:     &http.Client{Transport: retry.NewTransport(transport), CheckRedirect: checkRedirect},
		Header:     http.Header{"User-Agent": {"spaceos"}},
		Credential: credentials.Credential(store),
		Cache:      auth.NewCache(),
	}, nil
}

// loopbackOnly refuses connections that leave this computer, whatever a name
// such as localhost was said to mean: plain HTTP is for loopback.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s is not on this computer, and plain HTTP would be needed: allow it with --plain-http", address)
	}
	return nil
}

// checkRedirect follows a registry to where it keeps its blobs, over HTTPS
// alone. Content is safe, since its digest is known; what is guarded here are
// services on this computer and in plain networks, which a stranger must not
// make us ask, and requests that carry something.
func checkRedirect(request *http.Request, via []*http.Request) error {
	first, to := via[0].URL, request.URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("%w: the registry redirects more than %d times", ErrRedirect, maxRedirects)
	case request.Method != http.MethodGet && request.Method != http.MethodHead:
		return fmt.Errorf("%w: the registry redirects a push to %s, which is refused", ErrRedirect, printable(to.Host))
	case to.Host == first.Host && to.Scheme == first.Scheme:
		return nil
	case first.Scheme != "https" || to.Scheme != "https":
		return fmt.Errorf("%w: the registry redirects from %s to %s://%s: only from HTTPS to HTTPS is followed", ErrRedirect, first.Scheme, printable(to.Scheme), printable(to.Host))
	case isLoopback(to.Host) && !isLoopback(first.Host):
		return fmt.Errorf("%w: the registry redirects to %s on this computer, which is refused", ErrRedirect, printable(to.Host))
	}
	return nil
}

// isLoopback says whether a host, with or without a port, is this computer.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	at, err := netip.ParseAddr(host)
	return err == nil && at.Unmap().IsLoopback()
}

// flow is a blob under way: it counts, and ends the request when nothing moves
// for too long.
type flow struct {
	io.Reader
	moved func(n int)
	watch *time.Timer
	pause time.Duration
}

// watched gives a context that ends when what is read through the flow stalls.
func (r *Remote) watched(ctx context.Context, moved func(n int)) (context.Context, *flow) {
	ctx, cancel := context.WithCancelCause(ctx)
	f := &flow{moved: moved, pause: r.stall}
	f.watch = time.AfterFunc(r.stall, func() {
		cancel(fmt.Errorf("%w: nothing moved for %v", ErrStalled, r.stall))
	})
	return ctx, f
}

func (f *flow) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if n > 0 {
		f.watch.Reset(f.pause)
		f.moved(n)
	}
	return n, err
}
