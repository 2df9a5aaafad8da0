// Command server is a small web service with every limit set: a page, a greeting, files,
// health and its own metrics.
package main

import (
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/metrics"
)

// Copy with: cert.go, log.go, page.go, page.html, assets, site, ../body.go, ../chain.go, ../default.go, ../dir_fs.go, ../file_server.go, ../measure.go, ../metrics, ../progress.go, ../readiness.go, ../request_log.go, ../restrict_prefix.go, ../secure_headers.go, ../server.go, ../shutdown.go, ../status_writer.go.

const usage = `server serves a page, a greeting, files, health and metrics over HTTP or HTTPS.

Usage: server [-listen HOST:PORT] [-files DIR] [-quiet] [-ready-delay DURATION]
              [-cert FILE -key FILE | -tls-self-signed]

Examples:
  go run ./ch09/server
  go run ./ch09/server -listen 127.0.0.1:8443 -tls-self-signed -files .

Flags:
`

// embedded has the page's own style, script and pictures, and a sample for /static/
// with hidden files in it (all: or embed leaves them out), to see that they stay hidden.
//
//go:embed assets all:site
var embedded embed.FS

func main() {
	signal.Ignore(syscall.SIGPIPE) // a log without a reader must not end requests
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are what the flags say.
type options struct {
	listen, files, cert, key string
	selfSigned, quiet        bool
	readyDelay               time.Duration
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "serve on `HOST:PORT`; port 0 picks a free one")
	flags.StringVar(&o.files, "files", "", "serve the files of `DIR` under /static/ (default an embedded sample)")
	flags.StringVar(&o.cert, "cert", "", "serve HTTPS with the certificate chain in this PEM `FILE`")
	flags.StringVar(&o.key, "key", "", "the certificate's private key, a PEM `FILE`")
	flags.BoolVar(&o.selfSigned, "tls-self-signed", false,
		"serve HTTPS with a certificate made in memory for localhost, 127.0.0.1 and ::1")
	flags.BoolVar(&o.quiet, "quiet", false, "do not log requests")
	flags.DurationVar(&o.readyDelay, "ready-delay", 0,
		"after SIGTERM, fail /readyz for `DURATION` before closing the listener")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		return wrongUse(stderr, "%v", err)
	case !hasPort(o.listen):
		return wrongUse(stderr, "-listen %s: want HOST:PORT", o.listen)
	case (o.cert == "") != (o.key == ""):
		return wrongUse(stderr, "-cert and -key go together")
	case o.selfSigned && o.cert != "":
		return wrongUse(stderr, "-tls-self-signed or -cert, not both")
	case o.readyDelay < 0:
		return wrongUse(stderr, "-ready-delay %v: want 0 or more", o.readyDelay)
	case flags.NArg() > 0:
		return wrongUse(stderr, "unexpected argument %q", flags.Arg(0))
	}
	queue := newLogQueue(stderr)
	defer queue.close()
	if err := serve(ctx, o, queue); err != nil {
		fmt.Fprintf(queue, "server: %v\n", err)
		return 1
	}
	return 0
}

// serve runs until ctx ends and the requests in flight are served.
func serve(ctx context.Context, o options, stderr io.Writer) error {
	site, err := fs.Sub(embedded, "site")
	if err != nil {
		return err
	}
	if o.files != "" {
		root, err := os.OpenRoot(o.files) // unlike os.DirFS, no link leads out of it
		if err != nil {
			return fmt.Errorf("-files: %w", err)
		}
		defer root.Close()
		site = ch09.DirFS(root)
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	tlsConfig, err := newTLSConfig(o, log)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}

	requestLog := log
	if o.quiet {
		requestLog = slog.New(slog.DiscardHandler)
	}
	svc := &service{live: metrics.Picture{Metrics: new(metrics.Metrics), Conns: new(metrics.ConnStates)}}
	svc.ready.Delay = o.readyDelay
	srv := ch09.NewServer(o.listen, svc.handler(site, requestLog))
	srv.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	srv.TLSConfig = tlsConfig
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(true) // over TLS, agreed on by ALPN
	svc.live.Conns.Watch(srv)

	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // runs before Wait: ends the sampling
	wg.Go(func() { svc.live.Sample(ctx) })

	fmt.Fprintf(stderr, "listening on %s\n", l.Addr())
	return ch09.Run(svc.ready.Context(ctx), srv, l)
}

func newTLSConfig(o options, log *slog.Logger) (*tls.Config, error) {
	var pair tls.Certificate
	var err error
	switch {
	case o.selfSigned:
		pair, err = newSelfSigned(log)
	case o.cert != "":
		if pair, err = tls.LoadX509KeyPair(o.cert, o.key); err != nil {
			err = fmt.Errorf("-cert %s, -key %s: %w", o.cert, o.key, err)
		}
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{ // of TLS 1.2, without those in CBC mode; 1.3 has its own
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305,
		},
	}, nil
}

func hasPort(addr string) bool {
	_, _, err := net.SplitHostPort(addr)
	return err == nil
}

func wrongUse(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "server: "+format+" (try server -h)\n", args...)
	return 2
}
