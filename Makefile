# `make` lists what there is to do.

# The tools of rustup and of administrators are often not on the PATH, root's included.
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin

# Root can always build the lab's network namespaces, so for root a skipped test is a failed one. Others may be
# refused by their kernel, and then the tests say so and are skipped.
ifeq ($(shell id -u),0)
export EGRESSD_TESTS_MUST_RUN ?= 1
endif

# In CI the lock file is as it was reviewed; elsewhere a new dependency may change it.
LOCKED := $(if $(CI),--locked)

.PHONY: help setup build demo test test-cluster test-node test-static test-image test-fresh test-fresh-setup image bench lint
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

setup: ## install what building and testing needs (Debian, Ubuntu)
	@.ci/setup

build: setup ## compile everything
	.ci/build cargo build --workspace --all-targets $(LOCKED)

demo: setup ## demo without a cluster; under a minute once built
	@# The whole workspace, no `cargo run`, and a test among it: other packages, or none of what only tests depend on,
	@# mean other features, and wasmtime compiled once more.
	@.ci/announce
	@.ci/build cargo build --workspace --bins --test house $(LOCKED)
	@$${CARGO_TARGET_DIR:-target}/debug/egressd-demo

test: setup ## run all tests; packets stay in network namespaces
	.ci/build cargo test --workspace --no-run $(LOCKED)
	cargo test --workspace $(LOCKED)

test-cluster: setup apiserver ## run egressd against a real Kubernetes API server
	.ci/build cargo test --workspace --test deploy --test cluster --no-run $(LOCKED)
	EGRESSD_CLUSTER_TESTS_MUST_RUN=1 cargo test --workspace --test deploy --test cluster $(LOCKED)

test-node: setup apiserver ## run egressd in containers on two real nodes of this machine
	@.ci/setup-node
	EGRESSD_NODE_TESTS_MUST_RUN=1 cargo test --workspace --test node $(LOCKED)

# Minutes the first time, seconds after: Go keeps what it has compiled. The flags are those of Kubernetes' own builds.
.PHONY: apiserver
apiserver: ## build the Kubernetes binary of test-cluster and test-node
	@command -v go >/dev/null || { echo 'There is no Go. To install 1.26 or newer: https://go.dev/dl'; exit 1; }
	target=$$(realpath -m "$${CARGO_TARGET_DIR:-target}") && cd tests/apiserver && CGO_ENABLED=0 go build -trimpath \
	  -ldflags '-s -w -X k8s.io/component-base/version.gitVersion=v1.36.2' -o "$$target/apiserver/apiserver" .
	target=$$(realpath -m "$${CARGO_TARGET_DIR:-target}") && cd tests/node/probe && CGO_ENABLED=0 go build -trimpath \
	  -ldflags '-s -w' -o "$$target/apiserver/probe" .

bench: setup ## benchmarks: ratios in one run on one machine; minutes
	.ci/build cargo bench --package egressd --bench figures --no-run $(LOCKED)
	cargo bench --package egressd --bench figures $(LOCKED)

lint: ## formatting, clippy, documentation, shell scripts
	@.ci/setup lint
	cargo fmt --all --check
	.ci/build cargo clippy --workspace --all-targets $(LOCKED) -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps $(LOCKED)
	shellcheck --external-sources $$(git grep --files-with-matches -E '^(#!.*sh|# shellcheck shell=.*)$$' -- ':!*.md')

.PHONY: fuzz
fuzz: setup ## search for inputs that break a law of tests/fuzz, one minute per target; SECONDS=10 TARGETS="text journals"
	@tests/fuzz/run $(or $(SECONDS),60) $(TARGETS)

.PHONY: mutations
mutations: setup ## check that laws fail for each patch of tests/mutations; NAMES="..." runs only these; minutes
	@tests/mutations/run $(NAMES)

.PHONY: audit
audit: ## known advisories, licences and sources of everything that is compiled
	@EGRESSD_AUDIT_MUST_RUN=1 .ci/audit

test-fresh: ## the README's commands on new machines of several kinds (root; minutes)
	@tests/fresh/run

test-fresh-setup: ## the same without the demo; TRIALS="bookworm/bare trixie/bare" runs only these
	@tests/fresh/run $(or $(TRIALS),setup)

.PHONY: test-kernels
test-kernels: setup ## what depends on the kernel, on others under qemu; KERNELS="6.1" runs only these; tens of minutes
	@tests/kernels/run $(KERNELS)

test-static: setup ## the binary of the image, alone in an empty root; minutes
	@deploy/test-static

# This machine's, as images name it.
ARCH := $(patsubst x86_64,amd64,$(patsubst aarch64,arm64,$(shell uname -m)))

image: ## the image as an archive, without docker; ARCH="amd64 arm64" for both; minutes
	@.ci/setup $(ARCH)
	@deploy/image $(ARCH)

test-image: image ## check the image's archives; load and run them where possible
	@deploy/test-image $(ARCH)
