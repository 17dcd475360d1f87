# Latchkey: what a developer does, one word each. `make` alone lists them.
# Times are for two cores; the first debug build takes about 6 minutes, a later one seconds.

SWIFT_BUILD := swift build
RELEASE := .build-release
RELEASE_FLAGS := -c release --scratch-path $(RELEASE) --static-swift-stdlib
LATCHKEY_STATE ?= $(HOME)/.local/state/latchkey
ARGS ?=
# Hundreds of tests at one time on two cores leave each of them waiting longer than a peer's time limits allow.
TEST_WIDTH := --experimental-maximum-parallelization-width 4
SWIFT_SOURCES := Package.swift Sources Tests Examples Benchmarks Fuzzing

.DEFAULT_GOAL := help
.PHONY: help run test check lint docs examples fuzz lab lab-shell bench release format

help: ## list these commands
	@echo 'make WORD, where WORD is one of:'
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "  %-10s %s\n", $$1, $$2 }'

run: ## build and start a gateway on this network; stop it with Ctrl-C (first time 6 min, then seconds; options: ARGS='--listen 0.0.0.0:8443')
	@scripts/setup build
	@$(SWIFT_BUILD) --product latchkey
	@exec "$$($(SWIFT_BUILD) --show-bin-path)/latchkey" gateway run --state "$(LATCHKEY_STATE)" $(ARGS)

test: ## build once (debug) and run all tests (first time 8 min, then about 1 min; options: ARGS='--filter SSDP')
	@scripts/setup build
	@$(SWIFT_BUILD) --build-tests
	@scripts/in-namespace swift test --skip-build $(TEST_WIDTH) $(ARGS)

check: lint test ## what a change must pass: format, arrows, build, all tests (as test, and 10 s)

lint: ## format and arrows alone (10 s)
	@scripts/setup build
	@swift format lint --strict --parallel --recursive $(SWIFT_SOURCES)
	@scripts/check-arrows --self-test
	@scripts/check-arrows

fuzz: ## look for inputs that break the parsers, ten minutes each (first build 5 min; options: ARGS='--target ssdp --seconds 60')
	@scripts/setup build
	@Fuzzing/run $(ARGS)

docs: ## write the documentation of the libraries into .build-docs, and fail where it has gaps (2 min)
	@scripts/setup build
	@scripts/write-docs .build-docs

examples: ## build the programs in Examples and run their tests (first time 8 min, then 40 s)
	@scripts/setup build
	@$(SWIFT_BUILD) --product latchkey
	@$(SWIFT_BUILD) --product LatchkeyGroups
	@LATCHKEY_BIN="$$($(SWIFT_BUILD) --show-bin-path)" \
		scripts/in-namespace swift test --package-path Examples --scratch-path .build-examples $(ARGS)

lab: ## two homes and an internet in network namespaces, every promise shown end to end, secure groups, and with programs of others (root; about 30 min; options: ARGS='--only media --keep'; NAT=grid for every kind of NAT against every other)
	@scripts/setup lab
	@$(SWIFT_BUILD)
	@$(if $(NAT),lab/nat,lab/run) --bin "$$($(SWIFT_BUILD) --show-bin-path)" $(ARGS)

lab-shell: ## a prompt on the away LAN of that laboratory, with everything running (root; 10 s)
	@scripts/setup lab
	@$(SWIFT_BUILD)
	@lab/run --shell --bin "$$($(SWIFT_BUILD) --show-bin-path)" $(ARGS)

bench: release ## measure beside stunnel, HAProxy, OpenVPN, WireGuard, libupnp, gupnp, mosquitto, PyCasbin and the paper's key tree, write docs/performance.md (root; 75 min after the release build; options: ARGS='--only host,control-point')
	@scripts/setup lab
	@$(SWIFT_BUILD) $(RELEASE_FLAGS) --product latchkey-relay
	@$(SWIFT_BUILD) $(RELEASE_FLAGS) --product latchkey-demo-devices
	@LATCHKEY_BENCH=1 $(SWIFT_BUILD) $(RELEASE_FLAGS) --product host-bench
	@LATCHKEY_BENCH=1 $(SWIFT_BUILD) $(RELEASE_FLAGS) --product channel-bench
	@LATCHKEY_BENCH=1 $(SWIFT_BUILD) $(RELEASE_FLAGS) --product policy-bench
	@LATCHKEY_BENCH=1 $(SWIFT_BUILD) $(RELEASE_FLAGS) --product group-bench
	@lab/bench --bin "$$($(SWIFT_BUILD) $(RELEASE_FLAGS) --show-bin-path)" $(ARGS)

release: ## optimised program that needs no Swift to run, in .build-release/latchkey (first time 15 min)
	@scripts/setup build
	@$(SWIFT_BUILD) $(RELEASE_FLAGS) --product latchkey
	@strip -o $(RELEASE)/latchkey "$$($(SWIFT_BUILD) $(RELEASE_FLAGS) --show-bin-path)/latchkey"
	@ls -lh $(RELEASE)/latchkey

format: ## rewrite the Swift sources in the house style (10 s)
	@swift format format --in-place --parallel --recursive $(SWIFT_SOURCES)
