# make alone prints the targets.
.DEFAULT_GOAL := help
.PHONY: help build test check ci

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the binaries into bin/
	go build -o bin/ ./cmd/...

test: ## run the tests
	go test ./...

check: ## vet, formatting, generated code fresh
	go vet ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	go run ./cmd/internal/protogen -check

ci: check test ## what .ci/run runs
