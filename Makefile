# SpaceOS: what to type. `make help` lists it.
export CGO_ENABLED = 0
GO ?= go
# Go 1.26's new collector puts marks at the end of each span: two pages touched
# for the first small object of a size where one would do, in processes that
# live for milliseconds and never collect.
export GOEXPERIMENT = $(shell $(GO) version | grep -q 'go1\.26' && echo nogreenteagc)
# The linker writes through a mapping, which leaves a program in the page cache
# in small pieces. Copied, as a package is installed, it starts 3 % sooner.
GOFLAGS_BUILD = -trimpath -ldflags '-s -w'
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Debian packages: to build the payloads, and to test against.
NEED_BUILD = gcc libc6-dev musl-tools
NEED_TEST = $(NEED_BUILD) gnulib strace busybox-static bash-static e2fsck-static gpgv-static mksh sash zsh-static util-linux python3 python3-venv qemu-system-x86 xz-utils bsdiff zstd docker-registry skopeo

# How long make fuzz runs each target.
TIME ?= 30s

.PHONY: help build demo test check fuzz mutants bench lint need-build need-test clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: need-build ## bin/spaceos, bin/spaceos-ground, bin/payloads/cloudmask and, sealed, bin/cloudmask.oci
	$(GO) build $(GOFLAGS_BUILD) -o build/go/ ./cmd/spaceos ./cmd/spaceos-ground
	@mkdir -p bin && install -C build/go/spaceos build/go/spaceos-ground bin/
	@$(MAKE) --no-print-directory -C payloads/cloudmask OUT=$(CURDIR)/bin/payloads/cloudmask
	@bin/spaceos seal --force --output bin/cloudmask.oci bin/payloads/cloudmask/sealed

demo: build ## detect clouds on real satellite frames, in cells
	$(GO) run ./payloads/cloudmask/demo

test: need-test build fuzz ## everything; ends with a summary
	SPACEOS_TEST_SEED=1 $(GO) run ./internal/testrun -p 2 ./...

check: need-test ## format, vet, staticcheck, laws, unit tests; under two minutes
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w): $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	SPACEOS_TEST_SEED=1 $(GO) run ./internal/testrun $$($(GO) list ./... | grep -v -e internal/hwkvm -e internal/mutants -e internal/conformance -e payloads/)

fuzz: ## the fuzz targets, for TIME each (30s; half of it where documents are small)
	$(GO) run ./internal/fuzzrun -time $(TIME)

mutants: need-test ## take checks out, one at a time; a test must notice each
	SPACEOS_TEST_SEED=1 $(GO) test -count=1 -v -run TestEveryMutantIsNoticed ./internal/mutants

lint: ## vet and staticcheck
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

bench: need-test build ## side by side with containers; writes BENCHMARKS.md
	$(GO) run ./bench

need-build:
	@scripts/need $(NEED_BUILD)

need-test:
	@scripts/need $(NEED_TEST)

clean: ## remove what was built
	rm -rf bin build out
