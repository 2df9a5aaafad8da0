package main

import (
	"fmt"
	"go/doc"
	"go/parser"
	"go/token"
	"strings"
)

// exampleOutput returns what an Example of a test file prints, without the last newline.
func exampleOutput(file, name string) (string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return "", err
	}
	for _, example := range doc.Examples(parsed) {
		if "Example"+example.Name != name {
			continue
		}
		if example.Output == "" || example.Unordered {
			return "", fmt.Errorf("%s in %s has no Output comment, so that go test does not check it", name, file)
		}
		return strings.TrimRight(example.Output, "\n"), nil
	}
	return "", fmt.Errorf("%s has no %s", file, name)
}
