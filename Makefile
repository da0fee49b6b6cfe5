# cxchain on one machine. All that is needed is cargo and, on Debian or Ubuntu, apt for what is missing.

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DEFAULT_GOAL := help
export PATH := $(PATH):$(HOME)/.cargo/bin

ARGS ?=

# In a terminal cargo shows its progress; in a log its hundreds of lines are noise.
quiet := $(shell [[ -t 2 ]] || echo --quiet)
header = printf '\n%s\n' "$(1)"
compiling = $(call header,Compiling (a few minutes the first time))

.PHONY: help
help: ## this list
	@printf 'cxchain\n\n'
	sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
	printf '\nMore: ARGS="…" goes to the demo, to the test programs, or to docker build.\n'

# The dev profile: a first build takes half as long as a release build, and the tests share it. The demo is never CPU bound.
.PHONY: build
build: ## compile cxchain (dev profile)
	@deploy/need-build
	$(compiling)
	cargo build $(quiet)

.PHONY: demo
demo: ## everything on this machine: broker, simulator, worker, sample chains; leaves nothing running
	@$(call header,What is needed)
	deploy/need-build
	deploy/dev-broker need
	$(compiling)
	cargo build $(quiet)
	$(call header,Demo)
	deploy/dev-broker with -- cargo run --quiet -- demo $(ARGS)

# Most of what the tests do is wait: for deadlines, for a broker that comes back.
export RUST_TEST_THREADS ?= $(shell echo $$((2 * $$(nproc))))

# What CXCHAIN__BROKER__URL names is for work, not for tests, which kill their brokers. CXCHAIN_TEST_AMQP_URL names one for
# tests: those that have to kill it then fail, saying so.
.PHONY: test
test: ## all tests: unit, property, integration against a real RabbitMQ, documentation
	@$(call header,What is needed)
	deploy/need-build
	unset CXCHAIN__BROKER__URL
	[[ -n $${CXCHAIN_TEST_AMQP_URL:-} ]] || deploy/dev-broker need
	deploy/need-network
	$(compiling)
	cargo test $(quiet) --no-run --all-targets --features failpoints
	$(call header,Tests)
	cargo test --lib --bins --benches --features failpoints -- $(ARGS)
	deploy/run-tests -- $(ARGS)
	cargo test --doc --features failpoints

.PHONY: proof
proof: ## the same tests in long rounds, with chances of their own (or of CXCHAIN_PROOF_SEED)
	@export CXCHAIN_PROOF=1 CXCHAIN_PROOF_SEED=$${CXCHAIN_PROOF_SEED:-$$RANDOM}
	$(call header,CXCHAIN_PROOF_SEED=$$CXCHAIN_PROOF_SEED)
	$(MAKE) --no-print-directory test
	$(call header,Benchmarks with bounds (compiling with optimisation first))
	cargo bench $(quiet) --bench definitions
	$(call header,Proven with CXCHAIN_PROOF_SEED=$$CXCHAIN_PROOF_SEED)

.PHONY: lint
lint: ## formatting, clippy, documentation, scripts, file lengths: warnings are errors
	@deploy/need-build
	deploy/lint

.PHONY: image
image: ## the container image cxchain, from source; ARGS="--build-arg RUNTIME_IMAGE=…" goes to docker build
	@version=$$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
	docker build --file deploy/Dockerfile --tag cxchain --tag "cxchain:$$version" --build-arg "VERSION=$$version" \
		--build-arg "REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown)" $(ARGS) .

.PHONY: stack
stack: ## RabbitMQ, a simulated CXone and two workers in containers; they go on running
	@if [[ -z $${CXCHAIN_IMAGE:-} ]]; then $(MAKE) --no-print-directory image; fi
	deploy/stack up

.PHONY: stack-down
stack-down: ## stop the containers of make stack, and remove them with their data
	@deploy/stack down

.PHONY: clean
clean: ## remove what was built
	@cargo clean
