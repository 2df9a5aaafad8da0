// Copy copies a source file of this module, and what its "Copy with:" line names, into a
// folder of another module, ready to build there. Of a folder it copies all source files.
// Tests stay behind.
//
//	go run ./.github/scripts/copy ch06/server.go ../mine/tftp
//
// The files get the package name of the folder. A command stays package main, and the
// packages that it needs go into folders below, such as ../mine/tftpd/ch06; the imports
// are changed to match the go.mod above the folder. Nothing is overwritten.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"go/version"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	module    = "network-programming-with-go"
	goVersion = "1.26" // of this module's go.mod
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 2 || args[0] == "" || args[1] == "" {
		fmt.Fprintln(stderr, "copy: want a file and a folder, such as: make copy FILE=ch06/server.go TO=../mine/tftp")
		return 2
	}
	files, notes, err := plan(filepath.Clean(args[0]), filepath.Clean(args[1]))
	if err == nil {
		err = write(files, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "copy:", err)
		return 1
	}
	for _, note := range notes {
		fmt.Fprintln(stdout, note)
	}
	return 0
}

// file is one that is to be written.
type file struct {
	to   string
	data []byte
}

// plan reads all files and changes them. It writes nothing.
func plan(source, to string) (files []file, notes []string, err error) {
	source, others, err := inFolder(source)
	if err != nil {
		return nil, nil, err
	}
	// Not a test: it is of another package and imports the chapter.
	if !strings.HasSuffix(source, ".go") || strings.HasSuffix(source, "_test.go") {
		return nil, nil, fmt.Errorf("%s: want a .go file that is not a test", source)
	}
	src, err := os.ReadFile(source)
	if err != nil {
		return nil, nil, err
	}
	names, err := with(src)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", source, err)
	}
	if others != nil { // a folder: all of its files, whatever the first one needs
		names = others
	}
	name, err := packageOf(to)
	if err != nil {
		return nil, nil, err
	}
	folder := filepath.Dir(source)
	command := bytes.Contains(src, []byte("\npackage main\n")) || bytes.HasPrefix(src, []byte("package main\n"))
	switch {
	case command && hasGo(to) && name != "main":
		return nil, nil, fmt.Errorf("%s has package %s, and %s is a command: choose another folder", to, name, source)
	case command:
		name = "main"
	}
	modulePath, modFile, modVersion, err := moduleOf(to)
	if err != nil {
		return nil, nil, err
	}

	imports := make(map[string]bool)
	for _, name := range append([]string{filepath.Base(source)}, names...) {
		from := filepath.Join(folder, name)
		target := filepath.Join(to, name)
		if strings.HasPrefix(name, "../") { // a package that the command imports
			target = filepath.Join(to, from)
		}
		err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if strings.HasSuffix(path, "_test.go") { // may import what is not copied
				return nil
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(from, path)
			if err != nil {
				return err
			}
			files = append(files, file{filepath.Join(target, rel), data})
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	for i, f := range files {
		if !strings.HasSuffix(f.to, ".go") {
			continue
		}
		if filepath.Dir(f.to) == to && !command {
			if at := packageLine.FindIndex(f.data); at != nil {
				f.data = slices.Concat(f.data[:at[0]], []byte("package "+name), f.data[at[1]:])
			}
		}
		for old, local := range importsOf(f.data) {
			imports[old] = true
			if modulePath != "" {
				f.data = bytes.ReplaceAll(f.data, []byte(`"`+old+`"`), []byte(`"`+path.Join(modulePath, local)+`"`))
			}
		}
		files[i].data = f.data
	}

	switch {
	case modulePath != "" && version.Compare("go"+modVersion, "go"+goVersion) < 0:
		notes = append(notes, fmt.Sprintf("%s: the files need at least: go %s", modFile, goVersion))
	case modulePath == "" && len(imports) > 0:
		for old := range imports {
			notes = append(notes, fmt.Sprintf("no go.mod above %s: change the import %q to yourmodule/.../%s, and: go %s", to, old, strings.TrimPrefix(old, module+"/"), goVersion))
		}
		slices.Sort(notes)
	case modulePath == "":
		notes = append(notes, fmt.Sprintf("no go.mod above %s: the module needs at least: go %s", to, goVersion))
	}
	return files, notes, nil
}

// inFolder returns a file unchanged. Of a command's folder it returns main.go, whose line
// names the rest. Of a package's folder it returns the first source file, and the others.
func inFolder(source string) (file string, others []string, err error) {
	info, err := os.Stat(source)
	if err != nil || !info.IsDir() {
		return source, nil, nil // what is wrong with a file is found when it is read
	}
	command := filepath.Join(source, "main.go")
	if _, err := os.Stat(command); err == nil {
		return command, nil, nil
	}
	all, _ := filepath.Glob(filepath.Join(source, "*.go")) // cannot fail: the pattern is good
	others = []string{}
	for _, name := range all {
		if !strings.HasSuffix(name, "_test.go") {
			others = append(others, filepath.Base(name))
		}
	}
	if len(others) == 0 {
		return "", nil, fmt.Errorf("%s: no .go file that is not a test", source)
	}
	return filepath.Join(source, others[0]), others[1:], nil
}

var packageLine = regexp.MustCompile(`(?m)^package [a-z0-9_]+`)

// with returns what the "Copy with:" line names.
func with(src []byte) ([]string, error) {
	_, rest, ok := bytes.Cut(src, []byte("\n// Copy with: "))
	if !ok {
		return nil, nil
	}
	list, _, ok := strings.Cut(strings.ReplaceAll(string(rest), "\n// ", " ")+"\n", ".\n")
	if !ok {
		return nil, errors.New("the Copy with: line does not end with a full stop")
	}
	names := strings.Split(list, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	return names, nil
}

func hasGo(folder string) bool {
	files, _ := filepath.Glob(filepath.Join(folder, "*.go")) // cannot fail: the pattern is good
	return len(files) > 0
}

// packageOf returns the package that a folder has, or the one that its name suggests.
func packageOf(folder string) (string, error) {
	others, _ := filepath.Glob(filepath.Join(folder, "*.go")) // cannot fail: the pattern is good
	for _, other := range others {
		if parsed, err := parser.ParseFile(token.NewFileSet(), other, nil, parser.PackageClauseOnly); err == nil &&
			!strings.HasSuffix(other, "_test.go") {
			return parsed.Name.Name, nil
		}
	}
	full, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	name := regexp.MustCompile(`[^a-z0-9]`).ReplaceAllString(strings.ToLower(filepath.Base(full)), "")
	if !token.IsIdentifier(name) {
		return "", fmt.Errorf("%s: no package can have this folder's name: choose another", folder)
	}
	return name, nil
}

// moduleOf returns the import path of a folder, and the go.mod file that says so. They are
// empty if there is none.
func moduleOf(folder string) (importPath, modFile, goVersion string, err error) {
	full, err := filepath.Abs(folder)
	if err != nil {
		return "", "", "", err
	}
	for dir := full; ; dir = filepath.Dir(dir) {
		modFile := filepath.Join(dir, "go.mod")
		data, err := os.ReadFile(modFile)
		if errors.Is(err, fs.ErrNotExist) {
			if dir == filepath.Dir(dir) {
				return "", "", "", nil
			}
			continue
		}
		if err != nil {
			return "", "", "", err
		}
		name := regexp.MustCompile(`(?m)^module\s+"?([^\s"]+)`).FindSubmatch(data)
		if name == nil {
			return "", "", "", fmt.Errorf("%s: no module line", modFile)
		}
		goVersion := "1.16" // what go takes if the line is missing
		if line := regexp.MustCompile(`(?m)^go\s+(\S+)`).FindSubmatch(data); line != nil {
			goVersion = string(line[1])
		}
		rel, err := filepath.Rel(dir, full)
		if err != nil {
			return "", "", "", err
		}
		return path.Join(string(name[1]), filepath.ToSlash(rel)), modFile, goVersion, nil
	}
}

// importsOf returns the imports of this module that a file has, each with its path below
// the module.
func importsOf(src []byte) map[string]string {
	found := make(map[string]string)
	parsed, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ImportsOnly)
	if err != nil {
		return nil // the compiler says it better
	}
	for _, spec := range parsed.Imports {
		name := strings.Trim(spec.Path.Value, "\"`")
		if local, ok := strings.CutPrefix(name, module+"/"); ok {
			found[name] = local
		}
	}
	return found
}

// write writes the files. One that exists with the same content is left alone; if one has
// another, nothing is written.
func write(files []file, stdout io.Writer) error {
	var missing []file
	for _, f := range files {
		switch data, err := os.ReadFile(f.to); {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, f)
		case err != nil:
			return err
		case !bytes.Equal(data, f.data):
			return fmt.Errorf("%s exists with other content: nothing was copied", f.to)
		default:
			fmt.Fprintln(stdout, f.to, "is there already")
		}
	}
	for _, f := range missing {
		if err := os.MkdirAll(filepath.Dir(f.to), 0o777); err != nil {
			return err
		}
		out, err := os.OpenFile(f.to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return err
		}
		_, err = out.Write(f.data)
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
		fmt.Fprintln(stdout, f.to)
	}
	return nil
}
