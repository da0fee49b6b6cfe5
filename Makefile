# cxchain on one machine. All that is needed is cargo and, on Debian or Ubuntu, apt for what is missing.

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DEFAULT_GOAL := help
export PATH := $(PATH):$(HOME)/.cargo/bin

ARGS ?=

.PHONY: help
help: ## this list
	@printf 'cxchain\n\n'
	sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
	printf '\nMore: ARGS="…" goes to the demo, or to the test programs.\n'

# The dev profile: a first build takes half as long as a release build, and the tests share it. The demo is never CPU bound.
.PHONY: build
build: ## compile cxchain (dev profile)
	@deploy/need-build
	cargo build

.PHONY: demo
demo: ## everything on this machine: broker, simulator, worker, sample chains; leaves nothing running
	@deploy/need-build
	deploy/dev-broker need
	cargo build
	deploy/dev-broker with -- cargo run --quiet -- demo $(ARGS)

# A broker that CXCHAIN__BROKER__URL names is for the demo: tests kill theirs. CXCHAIN_TEST_AMQP_URL is for tests that do not.
.PHONY: test
test: ## all tests: unit, property, integration against a real RabbitMQ, documentation
	@deploy/need-build
	env -u CXCHAIN__BROKER__URL deploy/dev-broker need
	cargo test --all-targets --features failpoints -- $(ARGS)
	cargo test --doc --features failpoints

.PHONY: proof
proof: ## the same tests in long rounds
	@export CXCHAIN_PROOF=1
	$(MAKE) --no-print-directory test

.PHONY: lint
lint: ## formatting, clippy, documentation, scripts, file lengths: warnings are errors
	@deploy/need-build
	deploy/lint

.PHONY: clean
clean: ## remove what was built
	@cargo clean
