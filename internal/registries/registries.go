// Package registries starts OCI registries on loopback for tests: Debian's
// docker-registry, which knows no list of referrers, and one that does. It is
// test support, and starts nothing that outlives its test.
//
//	host, stop, err := registries.Debian(t.TempDir())
//	defer stop()
package registries

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// configuration of docker-registry: any free port of loopback, a folder of its
// own, no service of the machine's.
const configuration = `version: 0.1
log:
  level: info
storage:
  filesystem:
    rootdirectory: %s
http:
  addr: 127.0.0.1:0
`

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:[0-9]+)`)

// Debian starts docker-registry with its data in a folder. It gives HOST:PORT
// when the registry listens.
func Debian(dir string) (host string, stop func(), err error) {
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		return "", nil, fmt.Errorf("docker-registry is not here; install Debian's package of that name: %w", err)
	}
	config := filepath.Join(dir, "registry.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, configuration, filepath.Join(dir, "data")), 0o644); err != nil {
		return "", nil, err
	}
	cmd := exec.Command(program, "serve", config)
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	logs, err := cmd.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	found := make(chan string, 1)
	go func() {
		defer close(found)
		var said []string
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			said = append(said, lines.Text())
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
				io.Copy(io.Discard, logs)
				return
			}
		}
		err = errors.New(strings.Join(said, "\n"))
	}()
	select {
	case host, ok := <-found:
		if ok {
			return host, stop, nil
		}
	case <-time.After(2 * time.Minute):
		err = errors.New("it does not listen")
	}
	stop()
	return "", nil, fmt.Errorf("docker-registry does not start: %w", err)
}

// WithReferrers starts a registry in this process that has the referrers API.
func WithReferrers() (host string, stop func()) {
	server := httptest.NewServer(Handler())
	return strings.TrimPrefix(server.URL, "http://"), server.Close
}

// Handler is such a registry. The one that it is made of answers questions
// about referrers, but does not say so when it is given one
// (distribution-spec, "Pushing Manifests with Subject": OCI-Subject).
func Handler() http.Handler {
	inner := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
			body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			var manifest struct {
				Subject struct{ Digest string } `json:"subject"`
			}
			if json.Unmarshal(body, &manifest) == nil && manifest.Subject.Digest != "" {
				w.Header().Set("OCI-Subject", manifest.Subject.Digest)
			}
		}
		inner.ServeHTTP(w, r)
	})
}
