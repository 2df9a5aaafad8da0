// Command tftp fetches a file over TFTP (RFC 1350).
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/fastudp"
)

// Copy with: progress.go, standard.go, ../fastudp, ../packets.go, ../options.go, ../conn.go, ../receive.go, ../client.go, ../trace.go.

const usage = `tftp fetches a file over TFTP (RFC 1350).

Usage: tftp [-o FILE] [flags] HOST[:PORT] NAME

PORT is 69 if it is left out. The file appears under its name only when it is complete: a
transfer that fails leaves nothing behind.

Example:
  go run ./ch06/tftp -o picture.svg 127.0.0.1:6969 picture.svg

Flags:
`

func main() {
	signal.Ignore(syscall.SIGPIPE) // as "tftp -v ... 2>&1 | head" must leave no part of a file
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP) // a closed terminal must leave no file
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	stdout := standard(os.Stdout)
	if standard(os.Stderr) != os.Stderr { // a daemon has os.DevNull as both
		stdout = os.Stdout
	}
	os.Exit(run(ctx, os.Args[1:], stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	client := &ch06.Client{}
	flags := flag.NewFlagSet("tftp", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	output := flags.String("o", "", "write to `FILE`, - for standard output (default the last part of NAME)")
	flags.IntVar(&client.BlockSize, "blksize", 1428, "ask for blocks of `N` bytes, 8 to 65464; 512 asks for nothing")
	flags.IntVar(&client.WindowSize, "windowsize", 64, "ask for windows of `N` blocks, 1 to 32767; 1 asks for nothing")
	flags.BoolVar(&client.NoOptions, "no-options", false, "ask for no options at all, for servers that mishandle them")
	flags.DurationVar(&client.Timeout, "timeout", time.Second, "wait `D` for the first response; later waits follow the round trips")
	flags.DurationVar(&client.Patience, "patience", 30*time.Second, "end a transfer that makes no progress for `D`")
	plain := flags.Bool("plain", false, "receive one datagram per system call")
	verbose := flags.Bool("v", false, "print each packet to standard error")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		return wrongUse(stderr, "%v", err)
	case flags.NArg() != 2:
		return wrongUse(stderr, "%d arguments, want HOST[:PORT] and NAME", flags.NArg())
	case client.BlockSize < 8 || client.BlockSize > ch06.MaxBlockSize:
		return wrongUse(stderr, "-blksize %d: want 8 to 65464", client.BlockSize)
	case client.WindowSize < 1 || client.WindowSize > 32767:
		return wrongUse(stderr, "-windowsize %d: want 1 to 32767", client.WindowSize)
	case client.Timeout <= 0:
		return wrongUse(stderr, "-timeout %v: want more than 0", client.Timeout)
	case client.Patience <= 0:
		return wrongUse(stderr, "-patience %v: want more than 0", client.Patience)
	}
	addr, name := flags.Arg(0), flags.Arg(1)
	if *output == "" {
		if *output = path.Base(strings.ReplaceAll(name, `\`, "/")); !filepath.IsLocal(*output) || *output == "." {
			return wrongUse(stderr, "%q is not a name for a local file: use -o FILE", name)
		}
		if *output == "-" {
			*output = "./-" // a file of that name, not standard output
		}
	}
	if !*plain {
		client.ListenPacket = fastudp.ListenPacket
	}
	bar := newProgressBar(stderr, name)
	if *verbose {
		client.Trace = func(sent bool, _ netip.AddrPort, packet []byte) {
			arrow := "<-"
			if sent {
				arrow = "->"
			}
			fmt.Fprintf(stderr, "%s %s\n", arrow, ch06.Describe(packet))
		}
	} else {
		client.Progress = bar.update
	}
	err := fetch(ctx, client, addr, name, *output, stdout)
	bar.end()
	client.Wait()
	if err != nil {
		fmt.Fprintf(stderr, "tftp: %s\n", strings.TrimPrefix(err.Error(), "tftp: "))
		return 1
	}
	return 0
}

// fetch writes the file beside its place and moves it there when it is complete.
func fetch(ctx context.Context, client *ch06.Client, addr, name, output string, stdout io.Writer) (err error) {
	if output == "-" {
		_, err := client.Get(ctx, addr, name, stdout)
		return err
	}
	mode := fs.FileMode(0o666) // less the umask, as any new file
	info, err := os.Stat(output)
	if err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return fmt.Errorf("%s is a directory", output)
		}
		// A device or a pipe is written to, not replaced.
		file, err := os.OpenFile(output, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = client.Get(ctx, addr, name, file)
		return errors.Join(err, file.Close())
	}
	replaced := err == nil
	if replaced { // also through a link
		mode = info.Mode().Perm()
		if output, err = filepath.EvalSymlinks(output); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// os.CreateTemp would keep the file to its owner.
	dir, _ := filepath.Split(output) // filepath.Dir would clean it, and miss what "link/.." means
	place := dir + ".tftp-" + rand.Text()[:12] + ".part"
	part, err := os.OpenFile(place, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			part.Close()     // closed before, or the error that counts is err
			os.Remove(place) // as above
		}
	}()
	if replaced { // it keeps its mode, of which the umask may have taken something
		if err := part.Chmod(info.Mode().Perm()); err != nil && runtime.GOOS != "windows" {
			return err
		}
	}
	if _, err := client.Get(ctx, addr, name, part); err != nil {
		return err
	}
	if err := part.Close(); err != nil {
		return err
	}
	return os.Rename(place, output)
}

func wrongUse(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "tftp: "+format+" (try tftp -h)\n", args...)
	return 2
}
