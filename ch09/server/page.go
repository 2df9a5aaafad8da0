package main

import (
	"bytes"
	_ "embed"
	"errors"
	"expvar"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"

	"network-programming-with-go/ch09"
)

// Copy with: main.go, cert.go, live.go, page.html, assets, site, ../chain.go, ../conn_states.go, ../default.go, ../file_server.go, ../histogram.go, ../metrics.go, ../request_log.go, ../restrict_prefix.go, ../secure_headers.go, ../server.go, ../status_writer.go, ../use.go.

// maxFormBytes bounds the greeting form.
const maxFormBytes = 4 << 10 // 4 KiB

//go:embed page.html
var pageText string

var pages = template.Must(template.New("page").Parse(pageText))

// newHandler puts the service together. Each route has its method, so that the mux
// answers all others, TRACE among them, with 405 and that route's own Allow; one
// AllowMethods around all could only name the methods of all routes together.
func newHandler(site fs.FS, live *live, log *slog.Logger) http.Handler {
	assets, err := fs.Sub(embedded, "assets")
	if err != nil {
		panic(err) // the name above is fixed: a fault of the build
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", live.page)
	mux.HandleFunc("POST /{$}", live.page)
	mux.HandleFunc("GET /live", live.fragment)
	mux.HandleFunc("GET /metrics.svg", live.picture)
	mux.Handle("GET /hello", ch09.DefaultHandler())
	mux.Handle("POST /hello", ch09.DefaultHandler())
	mux.Handle("GET /assets/", revalidate(http.StripPrefix("/assets",
		ch09.FileServer(assets))))
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, assets, "icon.svg") // asked for by pages that name no icon
	})
	mux.Handle("GET /static/", revalidate(http.StripPrefix("/static",
		ch09.RestrictPrefix(".", ch09.FileServer(site)))))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		io.WriteString(w, "ok\n") // error: a client that went away
	})
	mux.Handle("GET /debug/vars", varsHandler(map[string]expvar.Var{
		"http":        &live.metrics,
		"connections": &live.conns,
		"use":         expvar.Func(func() any { return ch09.ReadUSE() }),
	}))

	live.metrics.Mux = mux
	return ch09.Chain(mux,
		live.metrics.Middleware, // outermost: what is refused is measured and logged too,
		// but OPTIONS *, which net/http answers by itself
		ch09.LogRequests(log),
		ch09.SecureHeaders,
		http.NewCrossOriginProtection().Handler, // no other site can post the form
	)
}

// revalidate lets browsers keep files but ask each time: with the validators of
// FileServer the answer is mostly 304.
func revalidate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// varsHandler is expvar.Handler for variables that are not published globally. That one
// would also show the command line, with the paths of the keys.
func varsHandler(vars map[string]expvar.Var) http.Handler {
	all := new(expvar.Map)
	for name, v := range vars {
		all.Set(name, v)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		io.WriteString(w, all.String()) // error: a client that went away
	})
}

// page shows the page, and greets whom a posted form names.
func (l *live) page(w http.ResponseWriter, r *http.Request) {
	data := struct {
		Greeted bool
		Name    string
		Proto   string
		TLS     bool
		Live    liveView
	}{Name: "friend", Proto: r.Proto, TLS: r.TLS != nil}

	if r.Method == http.MethodPost {
		name, err := formName(w, r)
		if err != nil {
			status := http.StatusBadRequest
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				status = http.StatusRequestEntityTooLarge
			}
			http.Error(w, "cannot read the form", status)
			return
		}
		data.Greeted = true
		if name != "" {
			data.Name = name
		}
	} else if r.ProtoMajor >= 2 {
		// 103 Early Hints (RFC 8297): the browser fetches these while the page is being
		// made. HTTP/2 push was to do that, and browsers no longer take it. Not for
		// HTTP/1.1, where some clients take the 103 for the answer.
		w.Header().Add("Link", "</assets/style.css>; rel=preload; as=style")
		w.Header().Add("Link", "</assets/lighthouse.svg>; rel=preload; as=image")
		w.WriteHeader(http.StatusEarlyHints)
	}
	data.Live = l.view()
	l.render(w, "page", data)
}

// formName returns the field "name" of a posted form, or an error if the form is
// broken, or above maxFormBytes: announced (nothing is read then) or not.
func formName(w http.ResponseWriter, r *http.Request) (string, error) {
	err := error(&http.MaxBytesError{Limit: maxFormBytes})
	if r.ContentLength <= maxFormBytes {
		body := r.Body
		r.Body = http.MaxBytesReader(w, body, maxFormBytes)
		err = r.ParseForm()
		r.Body = body // by which net/http tells whether a client still holds the body back
	}
	if err != nil {
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close") // or the answer waits for more of the body
		}
		return "", err
	}
	return strings.ToValidUTF8(strings.TrimSpace(r.PostForm.Get("name")), "\uFFFD"), nil
}

// fragment is the part of the page that its script renews.
func (l *live) fragment(w http.ResponseWriter, _ *http.Request) {
	l.render(w, "live", l.view())
}

// render executes a template into memory first: an error can still be a 500 then.
func (l *live) render(w http.ResponseWriter, name string, data any) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, data); err != nil {
		http.Error(w, "cannot make the page", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	page.WriteTo(w) // error: a client that went away
}
