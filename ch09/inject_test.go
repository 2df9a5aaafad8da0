package ch09_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
)

// injectDriver is the least that database/sql works with: it knows one table. If err is
// set, every request to the database fails with it; hang makes each one wait for its context.
type injectDriver struct {
	greetings map[string]string
	err       error
	hang      bool
}

// A connector opens a database without sql.Register, so nothing is registered for good.
func (d *injectDriver) Connect(context.Context) (driver.Conn, error) { return &injectConn{d}, nil }
func (d *injectDriver) Driver() driver.Driver                        { return nil }

type injectConn struct{ d *injectDriver }

func (c *injectConn) Ping(ctx context.Context) error {
	if c.d.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return c.d.err
}

func (c *injectConn) QueryContext(ctx context.Context, query string,
	args []driver.NamedValue) (driver.Rows, error) {
	if err := c.Ping(ctx); err != nil {
		return nil, err
	}
	if query != "SELECT text FROM greetings WHERE lang = ?" || len(args) != 1 {
		return nil, fmt.Errorf("unexpected query %q with %d values", query, len(args))
	}
	rows := &injectRows{}
	if text, ok := c.d.greetings[args[0].Value.(string)]; ok {
		rows.texts = []string{text}
	}
	return rows, nil
}

func (c *injectConn) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (c *injectConn) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (c *injectConn) Close() error                        { return nil }

type injectRows struct{ texts []string }

func (r *injectRows) Columns() []string { return []string{"text"} }
func (r *injectRows) Close() error      { return nil }
func (r *injectRows) Next(dest []driver.Value) error {
	if len(r.texts) == 0 {
		return io.EOF
	}
	dest[0], r.texts = r.texts[0], r.texts[1:]
	return nil
}

func TestInject(t *testing.T) {
	down := errors.New("db.test:5432: connection refused")
	greetings := map[string]string{"en": "Hello", "fr": "Bonjour"}
	for _, tt := range []struct {
		name, path string
		driver     *injectDriver
		status     int
		body       string
		logged     string
	}{
		{"closure, up", "/ready", &injectDriver{}, 200, "ok\n", ""},
		{"closure, down", "/ready", &injectDriver{err: down}, 503, "database unavailable\n",
			"connection refused"},
		{"struct, up", "/struct", &injectDriver{}, 200, "ok\n", ""},
		{"struct, down", "/struct", &injectDriver{err: down}, 503, "database unavailable\n",
			"connection refused"},
		{"query", "/greeting/fr", &injectDriver{greetings: greetings}, 200, "Bonjour\n", ""},
		{"no row", "/greeting/xx", &injectDriver{greetings: greetings}, 404,
			"404 page not found\n", ""},
		{"a value is not a query", "/greeting/en'%20OR%20'1'='1", &injectDriver{greetings: greetings},
			404, "404 page not found\n", ""},
		{"query, down", "/greeting/fr", &injectDriver{err: down}, 503,
			"database unavailable\n", "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := sql.OpenDB(tt.driver)
			defer db.Close()
			var logged bytes.Buffer
			log := slog.New(slog.NewTextHandler(&logged, nil))
			h := &ch09.Handlers{DB: db, Log: log}
			mux := http.NewServeMux()
			mux.Handle("GET /ready", ch09.Ready(db, log))
			mux.HandleFunc("GET /struct", h.Ready)
			mux.HandleFunc("GET /greeting/{lang}", h.Greeting)

			rec := httptest.NewRecorder()
			mux.ServeHTTP(rec, httptest.NewRequest("GET", tt.path, nil))
			t.Logf("%d %q, logged %q", rec.Code, rec.Body, logged.String())
			if rec.Code != tt.status || rec.Body.String() != tt.body {
				t.Errorf("GET %s = %d %q, want %d %q", tt.path, rec.Code, rec.Body, tt.status, tt.body)
			}
			if got := logged.String(); (got == "") != (tt.logged == "") ||
				!strings.Contains(got, tt.logged) {
				t.Errorf("log = %q, want %q in it", got, tt.logged)
			}
		})
	}
}

func TestInjectHangingDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := sql.OpenDB(&injectDriver{hang: true})
		defer db.Close()
		start := time.Now()
		rec := httptest.NewRecorder()
		ch09.Ready(db, nil).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
		t.Logf("a database that hangs: %d after %v", rec.Code, time.Since(start))
		if took := time.Since(start); rec.Code != 503 || took != 2*time.Second {
			t.Errorf("hanging database: %d after %v, want 503 after 2s", rec.Code, took)
		}
	})
}

// That a client left is not a failure of the database: a warning, or any client could raise
// an alarm. It reads 503 all the same: it may have closed its sending direction only.
func TestInjectClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := sql.OpenDB(&injectDriver{hang: true})
		defer db.Close()
		var log bytes.Buffer
		h := &ch09.Handlers{DB: db, Log: slog.New(slog.NewTextHandler(&log, nil))}
		leave, left := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, left) // before the 2 s of the database
		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel() // a deadline, as of http.TimeoutHandler
		for _, tt := range []struct {
			name    string
			handler http.HandlerFunc
			ctx     context.Context
			level   string
		}{
			{"Ready, client leaves", h.Ready, leave, "level=WARN"},
			{"Greeting, client leaves", h.Greeting, leave, "level=WARN"},
			{"Ready, deadline", h.Ready, late, "level=ERROR"},
			{"Greeting, deadline", h.Greeting, late, "level=ERROR"},
		} {
			log.Reset()
			rec := httptest.NewRecorder()
			tt.handler(rec, httptest.NewRequestWithContext(tt.ctx, "GET", "/", nil))
			t.Logf("%s: %d, %s", tt.name, rec.Code, &log)
			if rec.Code != 503 || !strings.Contains(log.String(), tt.level) {
				t.Errorf("%s: %d, log %q, want 503 and %s", tt.name, rec.Code, &log, tt.level)
			}
		}
		ch09.Ready(db, nil).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	})
}

// A client that has closed only its sending direction looks as if it had left. It still reads
// its response.
func TestInjectHalfClose(t *testing.T) {
	db := sql.OpenDB(&injectDriver{hang: true})
	defer db.Close()
	ts := httptest.NewServer(ch09.Ready(db, nil))
	defer ts.Close()
	conn, err := net.Dial("tcp", ts.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second)) // bounds a failure
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after a half-close the client reads %v, %v, want 503", resp, err)
	}
}

func ExampleHandlers() {
	db := sql.OpenDB(&injectDriver{greetings: map[string]string{"de": "Guten Tag"}})
	defer db.Close()
	h := &ch09.Handlers{DB: db}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /greeting/{lang}", h.Greeting)

	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequest("GET", "/greeting/de", nil))
	fmt.Print(rec.Body)
	// Output: Guten Tag
}

func ExampleReady() {
	db := sql.OpenDB(&injectDriver{err: errors.New("connection refused")})
	defer db.Close()
	rec := httptest.NewRecorder()
	ch09.Ready(db, nil).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	fmt.Print(rec.Code, " ", rec.Body)
	// Output: 503 database unavailable
}
