package main

import (
	"cmp"
	_ "embed"
	"expvar"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/metrics"
)

// Copy with: main.go, cert.go, log.go, page.html, assets, site, ../body.go, ../chain.go, ../default.go, ../dir_fs.go, ../file_server.go, ../measure.go, ../metrics, ../progress.go, ../readiness.go, ../request_log.go, ../restrict_prefix.go, ../secure_headers.go, ../server.go, ../shutdown.go, ../status_writer.go.

// maxFormBytes bounds the greeting form.
const maxFormBytes = 4 << 10 // 4 KiB

//go:embed page.html
var pageText string

var pages = template.Must(template.New("page").
	Funcs(template.FuncMap{"short": metrics.Short}).Parse(pageText))

// service is what the handlers share.
type service struct {
	live  metrics.Picture
	ready ch09.Readiness
}

// handler puts the service together. Each route has its method, so that the mux
// answers all others, TRACE among them, with 405 and that route's own Allow; one
// AllowMethods around all could only name the methods of all routes together.
func (s *service) handler(site fs.FS, log *slog.Logger) http.Handler {
	assets, err := fs.Sub(embedded, "assets")
	if err != nil {
		panic(err) // the name above is fixed: a fault of the build
	}
	files := revalidate(ch09.FileServer(assets))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("POST /{$}", s.page)
	mux.HandleFunc("GET /live", s.now)
	mux.Handle("GET /metrics.svg", &s.live)
	mux.Handle("GET /hello", ch09.DefaultHandler())
	mux.Handle("POST /hello", ch09.DefaultHandler())
	mux.Handle("GET /assets/", http.StripPrefix("/assets", files))
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path = "/icon.svg" // for pages that name no icon
		files.ServeHTTP(w, r)
	})
	mux.Handle("GET /static/", http.StripPrefix("/static",
		ch09.Chain(ch09.FileServer(site), revalidate, ch09.RestrictPrefix("."))))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		send(w, "text/plain; charset=utf-8", "ok\n")
	})
	mux.Handle("GET /readyz", &s.ready)
	// expvar.Handler would also show the command line, with the paths of the keys.
	vars := new(expvar.Map)
	vars.Set("http", s.live.Metrics)
	vars.Set("connections", s.live.Conns)
	vars.Set("use", expvar.Func(func() any { return metrics.ReadResources() }))
	mux.HandleFunc("GET /debug/vars", func(w http.ResponseWriter, _ *http.Request) {
		send(w, "application/json; charset=utf-8", vars.String())
	})

	return ch09.Chain(mux,
		ch09.Measure(s.live.Metrics, mux), // outermost: refusals are measured and logged too,
		// but not OPTIONS *, which net/http answers itself
		ch09.LogRequests(log),
		ch09.CloseUnread,
		ch09.SecureHeaders,
		http.NewCrossOriginProtection().Handler, // no other site can post the form
	)
}

// revalidate is middleware that lets browsers keep files but ask each time: with the
// validators of FileServer the response is mostly 304.
func revalidate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// page shows the page, and greets the name in a posted form.
func (s *service) page(w http.ResponseWriter, r *http.Request) {
	data := struct {
		Greeted, TLS bool
		Name, Proto  string
		Live         view
	}{Name: "friend", Proto: r.Proto, TLS: r.TLS != nil}

	if r.Method == http.MethodPost {
		const form = "application/x-www-form-urlencoded"
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // an error leaves it empty
		if kind != form && r.ContentLength != 0 {
			w.Header().Set("Accept-Post", form)
			http.Error(w, "send "+form, http.StatusUnsupportedMediaType)
			return
		}
		name, err := formName(w, r)
		if err != nil {
			ch09.BodyError(w, r, err)
			return
		}
		data.Greeted, data.Name = true, cmp.Or(name, data.Name)
	} else if r.ProtoMajor >= 2 {
		// 103 Early Hints (RFC 8297): the browser fetches these while the page is being
		// made. HTTP/2 push was meant for that, but browsers no longer accept it. Not for
		// HTTP/1.1, where some clients take the 103 for the response.
		w.Header().Add("Link", "</assets/style.css>; rel=preload; as=style")
		w.Header().Add("Link", "</assets/lighthouse.svg>; rel=preload; as=image")
		w.WriteHeader(http.StatusEarlyHints)
	}
	data.Live = s.view()
	render(w, "page", data)
}

// formName returns the field "name" of a posted form. An announced length above
// maxFormBytes is refused before anything is read.
func formName(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.ContentLength > maxFormBytes {
		return "", &http.MaxBytesError{Limit: maxFormBytes}
	}
	body := r.Body
	r.Body = http.MaxBytesReader(w, body, maxFormBytes)
	err := r.ParseForm()
	r.Body = body // shows net/http whether the client still waits to send it
	return strings.ToValidUTF8(strings.TrimSpace(r.PostForm.Get("name")), "\uFFFD"), err
}

// view is what the page shows of the metrics.
type view struct {
	Picture template.HTML // made of numbers only
	Routes  []metrics.RouteMetrics
	Conns   metrics.ConnCounts
}

func (s *service) view() view {
	return view{template.HTML(s.live.SVG()), s.live.Metrics.Snapshot(), s.live.Conns.Counts()}
}

// now shows what the page's script renews, as a page of its own.
func (s *service) now(w http.ResponseWriter, _ *http.Request) {
	render(w, "now", s.view())
}

// render executes a template into memory first: an error can still be a 500 then.
func render(w http.ResponseWriter, name string, data any) {
	var page strings.Builder
	if err := pages.ExecuteTemplate(&page, name, data); err != nil {
		http.Error(w, "cannot make the page", http.StatusInternalServerError)
		return
	}
	send(w, "text/html; charset=utf-8", page.String())
}

// send sends what changes from request to request, and so is not to be stored.
func send(w http.ResponseWriter, kind, text string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Header().Set("Cache-Control", "no-store")
	io.WriteString(w, text) // error: the client has gone away
}
