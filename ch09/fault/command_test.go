package main_test

import (
	"path/filepath"
	"strings"
	"testing"

	"network-programming-with-go/ch09/internal/command"
)

func TestFaultCommand(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, ".")
	none := filepath.Join(t.TempDir(), "none")
	for _, tt := range []struct {
		name, args     string
		status         int
		stdout, stderr string // what it must contain; "" means that it is empty
	}{
		{"help", "-h", 0, "Usage: fault [flags] FAULT", ""},
		{"help has an example", "-h", 0, "\n  go run ./ch09/fault -for 1m close-wait\n", ""},
		{"help lists the flags", "-h", 0, "  -for D\n", ""},
		{"ends after -for", "-for 20ms -n 1 cpu", 0, "PID=", "fault: cpu: 1 goroutines spin"},
		{"ends before it exists", "-for 1ns close-wait", 0, "", ""},
		{"no such directory", "-dir " + none + " deleted-file", 1, "", "fault: deleted-file: "},
		{"most connections", "-for 1ns -n 512 close-wait", 0, "", ""},
		{"fewest descriptors", "-for 1ns -n 32 descriptors", 0, "", ""},
		{"largest size", "-size 1024 -dir " + none + " deleted-file", 1, "", "deleted-file: "},
		{"longest time", "-for 5m lookup 127.0.0.1", 0, "127.0.0.1\n", "fault: lookup: took "},
		{"lookup", "lookup 127.0.0.1", 0, "127.0.0.1\n", "fault: lookup: took "},
		{"lookup that fails", "-for 1ns lookup fault.test", 1, "", "fault: lookup: "},

		{"no fault", "", 2, "", "no fault named"},
		{"unknown fault", "gremlin", 2, "", `"gremlin": want one of close-wait, cpu`},
		{"stray argument", "cpu extra", 2, "", `stray argument "extra"`},
		{"stray name", "lookup a b", 2, "", `stray argument "b"`},
		{"flag after the fault", "cpu -for 1s", 2, "", "-for: flags go before cpu"},
		{"flag after the name", "lookup a -for 1s", 2, "", "-for: flags go before lookup"},
		{"no name", "lookup", 2, "", "lookup: no NAME"},
		{"no port", "-server 127.0.0.1 lookup a", 2, "", "-server: address 127.0.0.1: missing port"},
		{"too long", "-for 5m1s cpu", 2, "", "-for 5m1s: want more than 0 and at most 5m"},
		{"no time", "-for 0s cpu", 2, "", "-for 0s: want"},
		{"negative time", "-for -1s cpu", 2, "", "-for -1s: want"},
		{"too few", "-n 0 cpu", 2, "", "-n 0: want 1 to 512"},
		{"too many", "-n 513 close-wait", 2, "", "-n 513: want 1 to 512"},
		{"too few descriptors", "-n 31 descriptors", 2, "", "-n 31: want 32 to 512"},
		{"too small", "-size 0 memory", 2, "", "-size 0: want 1 to 1024 MiB"},
		{"too large", "-size 1025 memory", 2, "", "-size 1025: want 1 to 1024 MiB"},
		{"-size for cpu", "-size 8 cpu", 2, "", "-size: not a flag of cpu"},
		{"-dir for refused", "-dir /tmp refused", 2, "", "-dir: not a flag of refused"},
		{"-n for serve", "-n 1 serve", 2, "", "-n: not a flag of serve"},
		{"-server for dns", "-server 127.0.0.1:1 dns", 2, "", "-server: not a flag of dns"},
		{"unknown flag", "-q cpu", 2, "", "not defined: -q"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := command.Run(t, bin, strings.Fields(tt.args)...)
			if got.Status != tt.status {
				t.Errorf("fault %s: exit status %d, want %d", tt.args, got.Status, tt.status)
			}
			checkFaultOutput(t, "stdout", got.Stdout, tt.stdout)
			checkFaultOutput(t, "stderr", got.Stderr, tt.stderr)
			if tt.status == 2 && strings.Count(got.Stderr, "\n") != 1 {
				t.Errorf("fault %s says %q, want one line", tt.args, got.Stderr)
			}
		})
	}
}

func checkFaultOutput(t *testing.T, stream, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) || want == "" && strings.Contains(got, "fault: ") {
		t.Errorf("%s is %q, want %q", stream, got, want)
	}
}
