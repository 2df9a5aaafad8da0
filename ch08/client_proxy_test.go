package ch08_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"network-programming-with-go/ch08"
)

// With HTTP_PROXY in the environment, a transport sends the proxy's form of a request,
// and the proxy's password, to whatever its DialContext reaches. NewClient uses the
// proxy only if it dials by itself.
func TestNewClientProxy(t *testing.T) {
	const child = "CH08_PROXY_CHILD"
	if os.Getenv(child) == "" { // net/http reads HTTP_PROXY once in a process
		t.Parallel()
		proxy := httptest.NewServer(clientProxyServer("proxy"))
		defer proxy.Close()
		cmd := exec.Command(os.Args[0], "-test.run=^TestNewClientProxy$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1", "NO_PROXY=", "no_proxy=", "http_proxy=",
			"HTTP_PROXY=http://ada:secret@"+proxy.Listener.Addr().String(),
			"GORACE=atexit_sleep_ms=0") // otherwise a second under -race
		out, err := cmd.CombinedOutput()
		if t.Logf("%s", out); err != nil {
			t.Error(err)
		}
		return
	}
	socket := httptest.NewServer(clientProxyServer("socket"))
	defer socket.Close()
	dial := func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("tcp", socket.Listener.Addr().String()) // in place of a Unix socket
	}
	for _, tt := range []struct {
		name   string
		client *http.Client
		want   string // the server reached, the form of the request, the password
	}{
		{"NewClient(nil)", ch08.NewClient(nil), "proxy http://service.example/x Basic YWRhOnNlY3JldA=="},
		{"NewClient(dial)", ch08.NewClient(dial), "socket /x"},
		{"http.Transport", &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dial,
		}}, "socket http://service.example/x Basic YWRhOnNlY3JldA=="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer tt.client.CloseIdleConnections()
			resp, err := tt.client.Get("http://service.example/x")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			got := resp.Header.Get("Got")
			if got != tt.want {
				t.Errorf("request arrives as %q, want %q", got, tt.want)
			}
			t.Log(got)
		})
	}
}

func clientProxyServer(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Got", name+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
	}
}
