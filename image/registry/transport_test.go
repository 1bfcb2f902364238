package registry

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oras.land/oras-go/v2/registry/remote/retry"
)

// TestPasswordsStayWithinTLS: a registry that is spoken to with TLS says where
// a token is to be had, and the password goes there. Not without TLS, by which
// oras-go holds it.
func TestPasswordsStayWithinTLS(t *testing.T) {
	asked := ""
	tokens := func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		asked += password
		fmt.Fprint(w, `{"token":"x"}`)
	}
	plain, safe := httptest.NewServer(http.HandlerFunc(tokens)), httptest.NewTLSServer(http.HandlerFunc(tokens))
	defer plain.Close()
	defer safe.Close()
	for _, c := range []struct{ realm, password, says string }{
		{plain.URL, "", "uses http but registry was contacted over https"},
		{safe.URL, "secret", "the registry does not have it"},
	} {
		asked = ""
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="x"`, c.realm))
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			http.NotFound(w, r)
		}))
		defer server.Close()
		_, err := withTLS(t, server).Look(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.says) || asked != c.password {
			t.Errorf("a token from %s: %v, and the password %q went there; want %q and %q", c.realm, err, asked, c.says, c.password)
		}
	}
}

// withTLS is a remote at a server of this computer that is spoken to with TLS,
// as others are, and knows a password for it.
func withTLS(t *testing.T, server *httptest.Server) *Remote {
	t.Helper()
	host := strings.TrimPrefix(server.URL, "https://")
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("acme:secret")))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(host+"/acme/hello:1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := newClient(false, Options{})
	if err != nil {
		t.Fatal(err)
	}
	inner := client.Client.Transport.(*retry.Transport).Base.(*http.Transport)
	inner.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	r.repository.PlainHTTP, r.repository.Client = false, client
	return r
}
