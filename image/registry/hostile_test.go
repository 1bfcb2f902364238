package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spaceos"
	"spaceos/image"
	"spaceos/internal/registries"
	"spaceos/manifest"
)

// liar is a registry that can be told to lie.
type liar struct {
	http.Handler
	lie func(w http.ResponseWriter, r *http.Request) bool // true: it answered
	img *image.Image
	raw []byte // the image's manifest
	at  string // HOST:PORT
	dir string // the layout
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.lie != nil && l.lie(w, r) {
		return
	}
	l.Handler.ServeHTTP(w, r)
}

// start makes a registry that holds a small image, honestly so far.
func start(t *testing.T) *liar {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir()) // nobody's credentials
	l := &liar{Handler: registries.Handler(), dir: filepath.Join(t.TempDir(), "hello.oci")}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	l.at = strings.TrimPrefix(server.URL, "http://")
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "hello"), []byte(strings.Repeat("program ", 1000)), 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(from)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	m := manifest.Default()
	m.Name, m.Version, m.Tenant, m.Program = "hello", "1.0.0", "acme", "hello"
	w, err := image.Create(l.dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if l.img, err = image.Seal(m, root, w); err != nil {
		t.Fatal(err)
	}
	layout := open(t, l.dir)
	if l.raw, err = layout.Manifest(l.img.Digest, l.img.Size); err != nil {
		t.Fatal(err)
	}
	if _, err := l.remote(t, ":1.0.0").Push(t.Context(), layout, false); err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t *testing.T, path string) *image.Layout {
	t.Helper()
	l, err := image.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func (l *liar) remote(t *testing.T, name string) *Remote {
	t.Helper()
	r, err := Open(l.at+"/acme/hello"+name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// pull pulls into an empty folder and gives the names that are there after it.
func pull(t *testing.T, r *Remote, form string) (left []string, err error) {
	t.Helper()
	dir := t.TempDir()
	_, err = r.Pull(t.Context(), func(*image.Image) (*image.Writer, error) {
		return image.Create(filepath.Join(dir, "pulled"+form), false)
	})
	entries, readErr := os.ReadDir(dir)
	if readErr != nil {
		t.Fatal(readErr)
	}
	for _, e := range entries {
		left = append(left, e.Name())
	}
	return left, err
}

// answer is a lie about one path: its answer to GET and HEAD.
func answer(path string, with http.HandlerFunc) func(*liar) func(http.ResponseWriter, *http.Request) bool {
	return func(*liar) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, path) {
				return false
			}
			with(w, r)
			return true
		}
	}
}

// manifestOf serves a document as the manifest, with the digest that it has.
func manifestOf(mediaType string, make func(l *liar) []byte) func(*liar) func(http.ResponseWriter, *http.Request) bool {
	return func(l *liar) func(http.ResponseWriter, *http.Request) bool {
		data := make(l)
		return answer("/manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			w.Header().Set("Docker-Content-Digest", spaceos.DigestOf(data).String())
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			if r.Method == http.MethodGet {
				w.Write(data)
			}
		})(l)
	}
}

// blob is a lie about the program's blob or, with "config", the config's.
func blob(which string, with func(l *liar, d image.Descriptor, w http.ResponseWriter, r *http.Request)) func(*liar) func(http.ResponseWriter, *http.Request) bool {
	return func(l *liar) func(http.ResponseWriter, *http.Request) bool {
		d := image.Descriptor{Digest: l.img.Files[0].Digest, Size: l.img.Files[0].Size}
		if which == "config" {
			d = l.img.Config
		}
		return answer("/blobs/"+d.Digest.String(), func(w http.ResponseWriter, r *http.Request) { with(l, d, w, r) })(l)
	}
}

func endless(w http.ResponseWriter, mediaType string) {
	w.Header().Set("Content-Type", mediaType)
	piece := make([]byte, 64<<10)
	for { // until nobody reads any more
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

func otherBytes(_ *liar, d image.Descriptor, w http.ResponseWriter, _ *http.Request) {
	w.Write(make([]byte, d.Size))
}

func redirect(to string) func(*liar, image.Descriptor, http.ResponseWriter, *http.Request) {
	return func(_ *liar, _ image.Descriptor, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.ReplaceAll(to, "SELF", r.URL.Path), http.StatusTemporaryRedirect)
	}
}

// TestHostileRegistries: whatever a registry answers, a pull ends in a sentence
// and leaves nothing.
func TestHostileRegistries(t *testing.T) {
	for _, c := range []struct {
		name   string
		lie    func(*liar) func(http.ResponseWriter, *http.Request) bool
		reason error
		says   string
	}{
		{"manifest of another digest", answer("/manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", image.TypeManifest)
			w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("ab", 32))
			w.Write([]byte(`{"schemaVersion":2}`))
		}), image.ErrDigest, "its manifest came with 19 bytes and the digest"},
		{"manifest by a digest of no known kind", answer("/manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", image.TypeManifest)
			w.Header().Set("Docker-Content-Digest", "sha512:"+strings.Repeat("ab", 64))
			w.Write([]byte(`{"schemaVersion":2}`))
		}), image.ErrDigest, "a digest that cannot be checked"},
		{"manifest that is an index", manifestOf(image.TypeIndex, func(*liar) []byte { return []byte(`{"schemaVersion":2,"manifests":[]}`) }),
			image.ErrNotImage, `this is no sealed image: what the registry has there is "application/vnd.oci.image.index.v1+json"`},
		{"manifest of docker's kind", manifestOf("application/vnd.docker.distribution.manifest.v2+json", func(*liar) []byte { return []byte(`{"schemaVersion":2}`) }),
			image.ErrNotImage, "this is no sealed image"},
		{"a container's image", manifestOf(image.TypeManifest, func(*liar) []byte {
			return []byte(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json"}}`)
		}), image.ErrNotImage, `its artifactType is ""`},
		{"no JSON", manifestOf(image.TypeManifest, func(*liar) []byte { return []byte("<html>") }), image.ErrNotImage, "this is no sealed image"},
		{"an image with one member more", manifestOf(image.TypeManifest, func(l *liar) []byte {
			return []byte(strings.Replace(string(l.raw), `"config"`, `"blobs":[],"config"`, 1))
		}), image.ErrMalformed, "what came is not the image"},
		{"a config of 10 GB", manifestOf(image.TypeManifest, func(l *liar) []byte {
			return []byte(strings.Replace(string(l.raw), fmt.Sprintf(`"size":%d`, l.img.Config.Size), `"size":10000000000`, 1))
		}), image.ErrLimit, "its config claims 10000000000 bytes"},
		{"a manifest of 10 GB", answer("/manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("ab", 32))
			w.Header().Set("Content-Length", "10000000000")
			endless(w, image.TypeManifest)
		}), image.ErrLimit, "its manifest claims 10000000000 bytes"},
		{"an endless manifest", answer("/manifests/", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.Header().Set("Content-Type", image.TypeManifest)
				w.Header().Set("Content-Length", "100")
				w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("ab", 32))
				return
			}
			endless(w, image.TypeManifest)
		}), image.ErrDigest, "its manifest came with 101 bytes"},
		{"no manifest", answer("/manifests/", http.NotFound), ErrNotFound, "check name and tag"},
		{"not allowed", answer("/manifests/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }), ErrDenied, "docker login"},
		{"a password wanted", answer("/manifests/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		}), ErrDenied, "docker login"},
		{"control characters", answer("/manifests/", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"errors":[{"code":"DENIED","message":"\u001b[31mred\nlines"}]}`)
		}), ErrDenied, "the registry refuses"},

		{"config of other bytes", blob("config", otherBytes), nil, "blob sha256:"},
		{"config missing", blob("config", func(_ *liar, _ image.Descriptor, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }), ErrNotFound, "blob sha256:"},
		{"config without end", blob("config", func(_ *liar, _ image.Descriptor, w http.ResponseWriter, _ *http.Request) {
			endless(w, "application/octet-stream")
		}), nil, "blob sha256:"},
		{"file of other bytes", blob("file", otherBytes), image.ErrDigest, "the bytes that came have the digest"},
		{"file of fewer bytes", blob("file", func(_ *liar, d image.Descriptor, w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush() // no length
			w.Write(make([]byte, d.Size-1))
		}), image.ErrSize, "7999 bytes came, and 8000 are claimed"},
		{"file of more bytes", blob("file", func(_ *liar, d image.Descriptor, w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.Write(make([]byte, d.Size+1))
		}), image.ErrSize, "8001 bytes came, and 8000 are claimed"},
		{"file of another length", blob("file", func(_ *liar, d image.Descriptor, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "7")
			io.WriteString(w, "program")
		}), nil, "mismatch Content-Length"},
		{"file without end", blob("file", func(_ *liar, _ image.Descriptor, w http.ResponseWriter, _ *http.Request) {
			endless(w, "application/octet-stream")
		}), image.ErrSize, "8001 bytes came, and 8000 are claimed"},
		{"file missing", blob("file", func(_ *liar, _ image.Descriptor, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }), ErrNotFound, "blob sha256:"},
		{"file cut off", blob("file", func(_ *liar, d image.Descriptor, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(d.Size))
			w.Write(make([]byte, d.Size/2))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}), io.ErrUnexpectedEOF, "blob sha256:"},
		{"file elsewhere", blob("file", redirect("http://elsewhere.invalid/x")), ErrRedirect, "redirects from http to http://elsewhere.invalid: only from HTTPS to HTTPS is followed"},
		{"file elsewhere, by HTTPS", blob("file", redirect("https://elsewhere.invalid/x")), ErrRedirect, "only from HTTPS to HTTPS"},
		{"file on another port", blob("file", redirect("http://127.0.0.1:1/x")), ErrRedirect, "only from HTTPS to HTTPS"},
		{"file in a folder of this computer", blob("file", redirect("file:///etc/passwd")), ErrRedirect, "only from HTTPS to HTTPS"},
		{"file in circles", blob("file", redirect("SELF")), ErrRedirect, "redirects more than 5 times"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := start(t)
			l.lie = c.lie(l)
			for _, form := range []string{"", ".tar"} {
				left, err := pull(t, l.remote(t, ":1.0.0"), form)
				if err == nil || c.reason != nil && !errors.Is(err, c.reason) || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("the pull says: %v\nwant %v: ... %s", err, c.reason, c.says)
				}
				if strings.ContainsAny(err.Error(), "\n\x1b") || !strings.HasPrefix(err.Error(), l.at+"/acme/hello:1.0.0: ") {
					t.Errorf("not a sentence that begins with the reference: %q", err)
				}
				if len(left) > 0 {
					t.Errorf("behind a pull that failed lies %v", left)
				}
			}
		})
	}
}

// TestHonestyIsSeen shows that the same pull works without a lie.
func TestHonestyIsSeen(t *testing.T) {
	l := start(t)
	for _, name := range []string{":1.0.0", "@" + l.img.Digest.String(), ":1.0.0@" + l.img.Digest.String()} {
		left, err := pull(t, l.remote(t, name), "")
		if err != nil || len(left) != 1 {
			t.Errorf("%s: %v, %v", name, left, err)
		}
	}
}

func TestAnotherImageUnderADigest(t *testing.T) {
	l := start(t)
	wanted := "sha256:" + strings.Repeat("ab", 32)
	l.lie = manifestOf(image.TypeManifest, func(l *liar) []byte { return l.raw })(l)
	left, err := pull(t, l.remote(t, "@"+wanted), "")
	if err == nil || !strings.Contains(err.Error(), "digest mismatch") || len(left) > 0 {
		t.Errorf("asked for %s, which %v is not: %v, left %v", wanted, l.img.Digest, err, left)
	}
	l.lie = answer("/manifests/", func(w http.ResponseWriter, _ *http.Request) { // without the header that gives it away
		w.Header().Set("Content-Type", image.TypeManifest)
		w.Header().Set("Docker-Content-Digest", wanted)
		w.Write(l.raw)
	})(l)
	if left, err = pull(t, l.remote(t, "@"+wanted), ""); !errors.Is(err, image.ErrDigest) || len(left) > 0 {
		t.Errorf("asked for %s, which %v is not: %v, left %v", wanted, l.img.Digest, err, left)
	}
}

// TestASilentRegistry: a registry that stops in the middle is left.
func TestASilentRegistry(t *testing.T) {
	l := start(t)
	done := make(chan struct{})
	defer close(done)
	l.lie = blob("file", func(_ *liar, _ image.Descriptor, w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "pro")
		w.(http.Flusher).Flush()
		select {
		case <-done:
		case <-r.Context().Done():
		}
	})(l)
	r := l.remote(t, ":1.0.0")
	r.stall = 200 * time.Millisecond
	left, err := pull(t, r, "")
	if !errors.Is(err, ErrStalled) || len(left) > 0 {
		t.Errorf("%v, left %v; want %v", err, left, ErrStalled)
	}
}

func TestAnInterruptedPull(t *testing.T) {
	l := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	l.lie = blob("file", func(_ *liar, _ image.Descriptor, w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "pro")
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})(l)
	dir := t.TempDir()
	_, err := l.remote(t, ":1.0.0").Pull(ctx, func(*image.Image) (*image.Writer, error) {
		return image.Create(filepath.Join(dir, "x"), false)
	})
	entries, _ := os.ReadDir(dir)
	if !errors.Is(err, context.Canceled) || len(entries) > 0 {
		t.Errorf("%v, left %v", err, entries)
	}
}

func TestHostilePushes(t *testing.T) {
	for _, c := range []struct {
		name string
		lie  func(l *liar) func(http.ResponseWriter, *http.Request) bool
		says string
	}{
		{"upload sent elsewhere", answer("/blobs/uploads/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://elsewhere.invalid/upload")
			w.WriteHeader(http.StatusAccepted)
		}), "is on a different host than the registry"},
		{"push redirected", answer("/blobs/uploads/", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.invalid/upload", http.StatusTemporaryRedirect)
		}), "the registry redirects a push to elsewhere.invalid, which is refused"},
		{"another image under the name", func(l *liar) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodHead || !strings.HasSuffix(r.URL.Path, "/manifests/2") {
					return false
				}
				w.Header().Set("Content-Type", image.TypeManifest)
				w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("ab", 32))
				w.Header().Set("Content-Length", "9")
				return true
			}
		}, "the registry has sha256:abab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := start(t)
			l.lie = hasNoBlobs(c.lie(l))
			r, err := Open(l.at+"/acme/fresh:2", Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Push(t.Context(), open(t, l.dir), true); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the push says: %v\nwant ... %s", err, c.says)
			}
		})
	}
}

// hasNoBlobs makes a registry deny that it has any blob, so that all are sent.
func hasNoBlobs(lie func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/blobs/") {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return lie(w, r)
	}
}

func TestOnlyTheImageIsPushed(t *testing.T) {
	l := start(t)
	extra := filepath.Join(l.dir, "blobs", "sha256", strings.TrimPrefix(spaceos.DigestOf([]byte("extra")).String(), "sha256:"))
	if err := os.WriteFile(extra, []byte("extra"), 0o644); err != nil {
		t.Fatal(err)
	}
	var sent []string
	l.lie = hasNoBlobs(func(_ http.ResponseWriter, r *http.Request) bool {
		if d := r.URL.Query().Get("digest"); d != "" && r.Method == http.MethodPut {
			sent = append(sent, d)
		}
		return false
	})
	r, err := Open(l.at+"/acme/fresh", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Push(t.Context(), open(t, l.dir), false); err != nil {
		t.Fatal(err)
	}
	slices.Sort(sent)
	want := []string{l.img.Config.Digest.String(), l.img.Files[0].Digest.String()}
	slices.Sort(want)
	if !slices.Equal(sent, want) {
		t.Errorf("blobs that were sent: %v\nwant those of the image: %v", sent, want)
	}
	if r.String() != l.at+"/acme/fresh:1.0.0" {
		t.Errorf("the tag is that of %s, want the image's version", r)
	}
}

func TestReferences(t *testing.T) {
	for _, bad := range []string{"", "hello", "hello:1", "http://h/x:1", "h/UPPER:1", "h/x:-", "h/x@sha256:12", "h/../x:1", "h/x:1\n"} {
		if r, err := Open(bad, Options{}); !errors.Is(err, ErrReference) {
			t.Errorf("%q is taken for %v (%v)", bad, r, err)
		}
	}
}

func TestPlainHTTPIsForLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1:1": true, "127.9.9.9": true, "[::1]:5000": true, "a.localhost:1": true,
		"registry.example": false, "10.0.0.1:5000": false, "localhost.example": false, "[::2]:1": false, "0.0.0.0:1": false,
	} {
		if got := isLoopback(host); got != want {
			t.Errorf("isLoopback(%q) is %v, want %v", host, got, want)
		}
	}
	for address, allowed := range map[string]bool{"127.0.0.1:5000": true, "[::1]:5000": true, "192.0.2.1:5000": false, "[::ffff:192.0.2.1]:80": false} {
		if err := loopbackOnly("tcp", address, nil); (err == nil) != allowed {
			t.Errorf("a name of loopback that means %s: %v", address, err)
		}
	}
}

// TestCredentialsAreDockers: a registry that wants a name and a password gets
// those of docker's configuration, and no other host's.
func TestCredentialsAreDockers(t *testing.T) {
	l := start(t)
	l.lie = func(w http.ResponseWriter, r *http.Request) bool {
		if name, password, _ := r.BasicAuth(); name == "acme" && password == "secret" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	configure := func(host string) {
		text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("acme:secret")))
		if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure("elsewhere.invalid")
	if left, err := pull(t, l.remote(t, ":1.0.0"), ""); !errors.Is(err, ErrDenied) || len(left) > 0 {
		t.Errorf("with another host's password: %v, %v; want %v", left, err, ErrDenied)
	}
	configure(l.at)
	if left, err := pull(t, l.remote(t, ":1.0.0"), ""); err != nil || len(left) != 1 {
		t.Errorf("with the password: %v, %v", left, err)
	}
	if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(l.at+"/acme/hello:1", Options{}); err == nil || !strings.Contains(err.Error(), "docker's configuration") {
		t.Errorf("with a configuration that is no JSON: %v", err)
	}
}
