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

	"network-programming-with-go/ch09"
)

// Copy with: cert.go, live.go, page.go, page.html, assets, site, ../chain.go, ../conn_states.go, ../default.go, ../file_server.go, ../histogram.go, ../metrics.go, ../request_log.go, ../restrict_prefix.go, ../secure_headers.go, ../server.go, ../status_writer.go, ../use.go.

const usage = `server serves a page, a greeting, files, health and metrics over HTTP or HTTPS.

Usage: server [-listen HOST:PORT] [-files DIR] [-quiet]
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
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more ends no request
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	listen := flags.String("listen", "127.0.0.1:8080",
		"serve on `HOST:PORT`; port 0 picks a free one")
	files := flags.String("files", "",
		"serve the files of `DIR` under /static/ (default an embedded sample)")
	cert := flags.String("cert", "",
		"serve HTTPS with the certificate chain in this PEM `FILE`")
	key := flags.String("key", "", "the certificate's private key, a PEM `FILE`")
	selfSigned := flags.Bool("tls-self-signed", false,
		"serve HTTPS with a certificate made in memory for localhost, 127.0.0.1 and ::1")
	quiet := flags.Bool("quiet", false, "do not log requests")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "server: %v (try server -h)\n", err)
		return 2
	}
	wrong := ""
	if _, _, err := net.SplitHostPort(*listen); err != nil {
		wrong = fmt.Sprintf("-listen %s: want HOST:PORT", *listen)
	} else if (*cert == "") != (*key == "") {
		wrong = "-cert and -key go together"
	} else if *selfSigned && *cert != "" {
		wrong = "-tls-self-signed or -cert, not both"
	} else if flags.NArg() > 0 {
		wrong = fmt.Sprintf("unexpected argument %q", flags.Arg(0))
	}
	if wrong != "" {
		fmt.Fprintf(stderr, "server: %s (try server -h)\n", wrong)
		return 2
	}

	log := slog.New(slog.NewTextHandler(stderr, nil))
	site, err := fs.Sub(embedded, "site")
	if err != nil {
		fmt.Fprintf(stderr, "server: %v\n", err)
		return 1
	}
	if *files != "" {
		root, err := os.OpenRoot(*files) // unlike os.DirFS, no link leads out of it
		if err != nil {
			fmt.Fprintf(stderr, "server: -files: %v\n", err)
			return 1
		}
		defer root.Close()
		site = root.FS()
	}
	tlsConfig, err := newTLSConfig(*cert, *key, *selfSigned, log)
	if err != nil {
		fmt.Fprintf(stderr, "server: %v\n", err)
		return 1
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintf(stderr, "server: %v\n", err)
		return 1
	}

	requestLog := log
	if *quiet {
		requestLog = slog.New(slog.DiscardHandler)
	}
	live := &live{}
	srv := ch09.NewServer(*listen, newHandler(site, live, requestLog))
	srv.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	srv.TLSConfig = tlsConfig
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(true) // over TLS, agreed on by ALPN
	live.conns.Watch(srv)

	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // runs before Wait: ends the sampling
	wg.Go(func() { live.sample(ctx) })

	fmt.Fprintf(stderr, "listening on %s\n", l.Addr())
	if err := ch09.Run(ctx, srv, l); err != nil {
		fmt.Fprintf(stderr, "server: %v\n", err)
		return 1
	}
	return 0
}

func newTLSConfig(cert, key string, selfSigned bool, log *slog.Logger) (*tls.Config, error) {
	var pair tls.Certificate
	var err error
	switch {
	case selfSigned:
		pair, err = newSelfSigned(log)
	case cert != "":
		if pair, err = tls.LoadX509KeyPair(cert, key); err != nil {
			err = fmt.Errorf("-cert %s, -key %s: %w", cert, key, err)
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
	}, nil
}
