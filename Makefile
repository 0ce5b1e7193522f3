# Meseta needs Go, and nothing else. make alone prints the targets.
.DEFAULT_GOAL := help
.PHONY: help build run test race check conformance bench fuzz generate ci clean

# What make run does: the framework's job, on these files or folders. By default the .go files of the installed Go.
JOB     ?= wordcount
INPUT   ?=
PATTERN ?=
AGENTS  ?= 3

# Binaries are static, so that they can be copied to any Linux.
export CGO_ENABLED ?= 0
PROGRAMS := mesos mesos-master mesos-agent mesos-executor mesos-default-executor mesos-docker-executor mesos-containerizer mesos-cni-port-mapper mesos-logrotate-logger mesos-local mesos-execute mesos-mapreduce

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the binaries into bin/
	@mkdir -p bin
	go build -trimpath -ldflags "-X meseta/cmd/internal/program.buildUser=$$(id -un)" -o bin/ $(addprefix ./cmd/,$(PROGRAMS))
	@ln -sf mesos-agent bin/mesos-slave
	@for old in cat ps resolve tail; do ln -sf mesos bin/mesos-$$old; done

# They reach the program as they are, with any quotes and dollars in them.
run: export RUN_JOB = $(value JOB)
run: export RUN_INPUT = $(value INPUT)
run: export RUN_PATTERN = $(value PATTERN)
run: build ## a local cluster of processes runs MapReduce: make run [INPUT=files or folders] [JOB=wordcount|grep|...] [PATTERN=regexp]
	@bin/mesos-local --num-agents=$(AGENTS) --port=0 -- bin/mesos-mapreduce --master={master} \
		--job="$$RUN_JOB" --input="$$RUN_INPUT" --pattern="$$RUN_PATTERN"

test: ## run the tests; a few minutes
	go test ./...

race: ## run the tests of what is concurrent under the race detector; needs a C compiler
	@if command -v $$(go env CC) >/dev/null; \
	then CGO_ENABLED=1 go test -race ./runtime/... ./actors/... ./master/... ./slave/... ./sched/...; \
	else echo "no C compiler ($$(go env CC)) here: the race detector is left out"; fi

# Error strings that Mesos's clients see keep Mesos's capitals, hence -ST1005.
check: ## vet, staticcheck, formatting, generated code fresh
	go vet ./...
	GOOS=darwin go vet ./runtime/...
	GOOS=windows go vet ./runtime/...
	go tool staticcheck -checks=inherit,-ST1005 ./...
	cd cmd/internal/tools/bench/wire && go vet ./...
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	go run ./cmd/internal/tools/protogen -check

conformance: build ## run clients that we did not write against the binaries
	cd cmd/internal/suites/conformance && go test -count=1 ./...

bench: ## benchmarks side by side, with their ratios
	go run ./cmd/internal/tools/bench

fuzz: ## look for input that breaks a parser, 20s each
	go run ./cmd/internal/tools/fuzzall

generate: ## generate the code of messages/ again
	go generate ./messages

ci: check test race conformance ## all that a change must pass

clean: ## remove what was built
	rm -rf bin
