package metrics_test

import (
	"bufio"
	"encoding/json"
	"expvar"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"network-programming-with-go/ch09/metrics"
)

var _ expvar.Var = (*metrics.ConnStates)(nil)

func TestConnStates(t *testing.T) {
	var conns metrics.ConnStates
	changed := make(chan http.ConnState, 100)
	hold, release := make(chan struct{}), make(chan struct{})
	ts := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hold":
			close(hold)
			<-release
		case "/hijack":
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
		}
	}))
	ts.Config.ConnState = func(_ net.Conn, s http.ConnState) { changed <- s }
	conns.Watch(ts.Config)
	ts.Start()
	defer ts.Close()

	wait := func(want http.ConnState) {
		t.Helper()
		for got := range changed {
			if got == want {
				return
			}
		}
	}
	check := func(when string, want metrics.ConnCounts) {
		t.Helper()
		got := conns.Counts()
		t.Logf("%-16s %+v", when, got)
		if got != want {
			t.Errorf("%s: %+v, want %+v", when, got, want)
		}
	}
	dial := func(request string) net.Conn {
		conn, err := net.Dial("tcp", ts.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		wait(http.StateNew)
		fmt.Fprint(conn, request)
		return conn
	}

	slow := dial("GET / HT") // a part of a request is none
	check("slow client", metrics.ConnCounts{Accepted: 1, New: 1})
	dial("GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n")
	<-hold
	check("in a handler", metrics.ConnCounts{Accepted: 2, New: 1, Active: 1})
	close(release)
	wait(http.StateIdle)
	check("answered", metrics.ConnCounts{Accepted: 2, New: 1, Idle: 1})
	slow.Close()
	wait(http.StateClosed)
	check("slow one gone", metrics.ConnCounts{Accepted: 2, Idle: 1})
	bufio.NewReader(dial("GET /hijack HTTP/1.1\r\nHost: a.test\r\n\r\n")).ReadByte() // until EOF
	wait(http.StateHijacked)
	check("hijacked", metrics.ConnCounts{Accepted: 3, Idle: 1})

	var vars map[string]int
	if err := json.Unmarshal([]byte(conns.String()), &vars); err != nil || vars["accepted"] != 3 {
		t.Errorf("String = %s, %v", &conns, err)
	}
}
