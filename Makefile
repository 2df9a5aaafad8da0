# Every target with its one line: make help.

GO          ?= go
export GO

# Under -race a program sleeps for a second at exit, in case goroutines that outlive it are
# about to race. Here none outlive their tests, and each test binary would sleep.
GORACE      ?= atexit_sleep_ms=0
export GORACE

COUNT       ?= 50
FUZZTIME    ?= 10s
RELEASES    ?= go1.26.8 go1.27.4
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.8.2
BENCHSTAT    = golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
BENCHCOUNT  ?= 6
BENCHOUT    ?= bench.out

# What make commands reads.
COMMANDS    ?= $(firstword $(wildcard ch09/fault/README.md) README.md)

.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile

demo: ## run each chapter's programs and check what they print
	@.github/scripts/demo.sh

test: cc ## every test and benchmark, with the race detector
	$(GO) test -timeout 300s -race -bench=. ./...

test-releases: cc ## every test under both supported Go releases
	@for release in $(RELEASES); do \
		echo "GOTOOLCHAIN=$$release $(GO) test -race ./..."; \
		GOTOOLCHAIN=$$release $(GO) test -race ./... || exit 1; \
	done

check: format vet staticcheck scripts imports same alone snippets notes links charts commands ## everything that needs no test run

format: ## gofmt has nothing to change
	@out="$$(gofmt -l .)" || exit 1; test -z "$$out" || { echo "gofmt would change:"; echo "$$out"; exit 1; }

vet: ## go vet for linux, darwin, windows and freebsd, and for 32 bits
	@for os in linux darwin windows freebsd; do \
		echo "GOOS=$$os $(GO) vet ./..."; GOOS=$$os $(GO) vet ./... || exit 1; \
	done
	GOARCH=386 $(GO) vet ./...

staticcheck: ## staticcheck, pinned
	$(GO) run $(STATICCHECK) ./...

scripts: ## vet, staticcheck and tests of the programs in .github
	$(GO) vet ./.github/scripts/...
	$(GO) run $(STATICCHECK) ./.github/scripts/...
	$(GO) test ./.github/scripts/...

imports: ## the standard library only; only commands join a chapter with packages below it
	@.github/scripts/imports.sh

same: ## what several chapters need stands in each with the same lines
	@.github/scripts/same.sh

alone: ## each test file compiles and runs by itself
	@.github/scripts/alone.sh

snippets: ## each source file compiles where make copy puts it, with what its Copy with line names
	@.github/scripts/snippets.sh

notes: ## each proof and command that a README names exists
	@.github/scripts/notes.sh

links: ## each relative link and anchor of the documents resolves
	@.github/scripts/links.sh

charts: ## each chart is that of its table, each diagram what its Example prints
	@$(GO) run ./.github/scripts/charts

draw: ## write the charts and diagrams into the pages
	@$(GO) run ./.github/scripts/charts -w

commands: ## each troubleshooting command does what the page says
	@.github/scripts/troubleshooting.sh $(COMMANDS)

copy: ## copy FILE=ch06/server.go, or a folder, and what it needs to the folder TO=../mine/tftp
	@$(GO) run ./.github/scripts/copy "$(FILE)" "$(TO)"

fuzz: ## each fuzz target for FUZZTIME (10s)
	@FUZZTIME="$(FUZZTIME)" .github/scripts/fuzz.sh

flake: cc ## every test COUNT times (50), with the race detector
	$(GO) test -timeout 60m -race -count=$(COUNT) ./...

bench: ## benchmarks without the race detector, several runs, by benchstat; then the charts
	$(GO) test -timeout 60m -run='^$$' -bench=. -count=$(BENCHCOUNT) ./... > $(BENCHOUT) || \
		{ cat $(BENCHOUT); exit 1; }
	$(GO) run $(BENCHSTAT) $(BENCHOUT)
	$(GO) run ./.github/scripts/charts -w

cover: ## statement coverage by package
	$(GO) test -cover ./...

clean: ## remove what tests, benchmarks and fuzzing left of this module
	rm -rf "$$($(GO) env GOCACHE)/fuzz/$$($(GO) list -m)"
	rm -f *.test *.prof *.out ch*/*.test ch*/*.prof ch*/*.out

# The race detector is C: without a compiler the error of go test is hard to read.
cc:
	@command -v $(GO) >/dev/null || { echo "$(GO) is not found: see https://go.dev/doc/install" >&2; exit 1; }
	@cc="$$($(GO) env CC)"; command -v "$${cc%% *}" >/dev/null || { \
		echo "the race detector needs a C compiler, and $$cc is not found: install gcc or clang," >&2; \
		echo "or run the tests without it: $(GO) test ./..." >&2; exit 1; }

.PHONY: help demo test test-releases check format vet staticcheck scripts imports same \
	alone snippets notes links charts draw commands copy fuzz flake bench cover clean cc
