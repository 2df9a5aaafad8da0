package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func copyFiles(t *testing.T, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCopy(t *testing.T) {
	const server = "package ch06\n\nimport \"net\"\n\n// Copy with: types.go,\n// options.go.\n"
	const command = "package main\n\nimport \"network-programming-with-go/ch06\"\n\n// Copy with: ../server.go, data.\n"
	for _, tt := range []struct {
		name     string
		from, to string
		more     map[string]string // files besides those of ch06
		status   int
		text     string            // what is printed
		files    map[string]string // what a file then holds; "" stands for no file
	}{
		{name: "package of the folder", from: "ch06/server.go", to: "mine/my-Tftp",
			text: "mine/go.mod: the files need at least: go 1.26",
			more: map[string]string{"mine/go.mod": "module example.test/mine\n\ngo 1.25.3\n"},
			files: map[string]string{"mine/my-Tftp/server.go": "package mytftp\n",
				"mine/my-Tftp/types.go": "package mytftp\n", "mine/my-Tftp/options.go": "package mytftp // why\n"}},
		{name: "package of its files", from: "ch06/types.go", to: "mine/tftp", text: "mine/tftp/types.go\n",
			more:  map[string]string{"mine/go.mod": "module example.test/mine\n\ngo 1.27\n", "mine/tftp/a.go": "package other\n"},
			files: map[string]string{"mine/tftp/types.go": "package other\n", "mine/tftp/server.go": ""}},
		{name: "command", from: "ch06/tftpd/main.go", to: "mine/tftpd", text: "mine/tftpd/data/picture\n",
			more: map[string]string{"mine/go.mod": "module example.test/mine\n\ngo 1.26\n"},
			files: map[string]string{"mine/tftpd/main.go": `import "example.test/mine/tftpd/ch06"`,
				"mine/tftpd/ch06/server.go": "package ch06\n", "mine/tftpd/data/picture": "package picture"}},
		{name: "package without its tests", from: "ch06/tftpd/main.go", to: "mine/tftpd", text: "mine/tftpd/fast/fast.go\n",
			more: map[string]string{"mine/go.mod": "module example.test/mine\n\ngo 1.26\n",
				"ch06/tftpd/main.go": "package main\n\n// Copy with: fast.\n", "ch06/tftpd/fast/fast.go": "package fast\n",
				"ch06/tftpd/fast/fast_test.go": "package fast_test\n"},
			files: map[string]string{"mine/tftpd/fast/fast.go": "package fast\n", "mine/tftpd/fast/fast_test.go": ""}},
		{name: "folder of a package", from: "ch06", to: "mine/tftp", text: "mine/tftp/types.go\n",
			more: map[string]string{"mine/go.mod": "module example.test/mine\n\ngo 1.26\n", "ch06/server_test.go": "package ch06_test\n"},
			files: map[string]string{"mine/tftp/server.go": "package tftp\n", "mine/tftp/types.go": "package tftp\n",
				"mine/tftp/options.go": "package tftp // why\n", "mine/tftp/server_test.go": "", "mine/tftp/tftpd/main.go": ""}},
		{name: "folder of a command", from: "ch06/tftpd", to: "mine/tftpd", text: "mine/tftpd/data/picture\n",
			more:  map[string]string{"mine/go.mod": "module example.test/mine\n\ngo 1.26\n"},
			files: map[string]string{"mine/tftpd/main.go": `import "example.test/mine/tftpd/ch06"`}},
		{name: "folder without sources", from: "ch06/tftpd/data", to: "tftp", status: 1, text: "no .go file that is not a test"},
		{name: "command without go.mod", from: "ch06/tftpd/main.go", to: "tftpd",
			text:  `change the import "network-programming-with-go/ch06" to yourmodule/.../ch06`,
			files: map[string]string{"tftpd/main.go": `import "network-programming-with-go/ch06"`}},
		{name: "command among others", from: "ch06/tftpd/main.go", to: "tftp", status: 1, text: "has package other",
			more: map[string]string{"tftp/a.go": "package other\n"}, files: map[string]string{"tftp/main.go": ""}},
		{name: "once more", from: "ch06/server.go", to: "ch06", text: "ch06/server.go is there already\n"},
		{name: "no overwriting", from: "ch06/server.go", to: "tftp", status: 1,
			text:  "copy: tftp/options.go exists with other content: nothing was copied\n",
			more:  map[string]string{"tftp/options.go": "package tftp // mine\n"},
			files: map[string]string{"tftp/options.go": "package tftp // mine\n", "tftp/server.go": ""}},
		{name: "test", from: "ch06/server_test.go", to: "tftp", status: 1, text: "want a .go file that is not a test"},
		{name: "missing", from: "ch06/none.go", to: "tftp", status: 1, text: "none.go"},
		{name: "missing neighbor", from: "ch06/lost.go", to: "tftp", status: 1, text: "gone.go",
			more: map[string]string{"ch06/lost.go": "package ch06\n\n// Copy with: gone.go.\n"}, files: map[string]string{"tftp/lost.go": ""}},
		{name: "no name for a package", from: "ch06/types.go", to: "2", status: 1, text: "choose another"},
		{name: "nothing named", status: 2, text: "make copy FILE="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			copyFiles(t, map[string]string{"ch06/server.go": server, "ch06/types.go": "package ch06\n",
				"ch06/options.go": "package ch06 // why\n", "ch06/tftpd/main.go": command,
				"ch06/tftpd/data/picture": "package picture"})
			here, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			copyFiles(t, tt.more)
			var out bytes.Buffer
			status := run([]string{tt.from, tt.to}, &out, &out)
			got := filepath.ToSlash(strings.ReplaceAll(out.String(), here+string(filepath.Separator), ""))
			if status != tt.status || !strings.Contains(got, tt.text) {
				t.Errorf("copy %s %s: status %d, %q, want %d, %q", tt.from, tt.to, status, got, tt.status, tt.text)
			}
			for name, want := range tt.files {
				got, err := os.ReadFile(name)
				if (err != nil) != (want == "") || !strings.Contains(string(got), want) {
					t.Errorf("%s = %q, %v, want %q", name, got, err, want)
				}
			}
		})
	}
}
