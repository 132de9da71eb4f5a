# `make help` lists what there is. Everything runs without questions, and installs what it needs where it may.

export PATH := $(PATH):/usr/sbin:/sbin:$(HOME)/.cargo/bin
SHELL := /bin/bash
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Tests in namespaces mostly wait, so more of them run at a time than there are processors.
LAB_THREADS ?= 8
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)

# Seconds for each target of `make fuzz`.
FUZZ_SECONDS ?= 60

.PHONY: help demo test test-units test-lab test-kill check fuzz bench

help:
	@echo 'make demo    show how IPv6-only links get their IPv4, in namespaces of their own'
	@echo 'make test    run every test: those of the crates, then those in network namespaces'
	@echo 'make test-kill  kill the server 1000 times under load, and look for what it acknowledged'
	@echo 'make check   formatting, clippy and documentation, without warnings'
	@echo 'make fuzz    the decoders under random input; longer with cargo-fuzz'
	@echo 'make bench   measure time, memory, size and load beside the peers; ROWS="tra lcra tsv tap" for a part'
	@echo 'make help    this list'
	@echo
	@echo 'SCENE=hcra   demonstration of a host agent; lcra: of an on-link agent; tra: of a relay to stock servers'
	@echo 'PEER=kea     demonstration with Kea as the provider instead of our own; for tra also isc, dnsmasq'
	@echo 'RELEASE=1    demonstration with the release build (small and slow to build)'

# ---- the demonstration

SCENE ?= 4o6
PEER ?=
PROFILE := $(if $(RELEASE),release,dev)
BUILT := $(TARGET)/$(if $(RELEASE),release,debug)

demo:
	@case '$(SCENE)-$(PEER)' in 4o6-|4o6-own|4o6-kea|hcra-|lcra-|tra-|tra-kea|tra-isc|tra-dnsmasq) ;; \
	  *) echo 'demo: SCENE is 4o6 (PEER own or kea), hcra, lcra, or tra (PEER kea, isc or dnsmasq)' >&2; exit 2 ;; esac
	@tests/needs build lab
	@tests/in-lab --possible
	@echo '==> building ($(if $(RELEASE),release: small and slow to build,debug: quick to build))'
	@$(CARGO) build --quiet --locked --profile $(PROFILE) -p dhcp4o6d -p dhcp4o6ctl -p dhcp4o6-demo
	@tests/in-lab '$(BUILT)/dhcp4o6-demo' '$(SCENE)' '$(PEER)'

# ---- tests

test: test-units test-lab

test-units:
	@tests/needs build
	@echo '==> tests of the crates'
	@set -e; if [ -n '$(NEXTEST)' ]; then \
	  $(CARGO) nextest run --locked --workspace --no-fail-fast --status-level slow --final-status-level fail; \
	  echo '==> examples in the documentation'; $(CARGO) test --locked --workspace --doc --quiet; \
	else $(CARGO) test --locked --workspace --no-fail-fast; fi

# Those marked `ignore`, for needing namespaces or root. Where namespaces cannot be made they are left out, but never
# under CI. An ordinary user's namespace has one user, so that tests of the bus with a second one are left out there.
ORDINARY := $(filter-out 0,$(shell id -u))
LAB_TESTS := --offline --locked --workspace $(if $(ORDINARY),--exclude dhcp4o6d) --no-fail-fast
LAB_RUN := $(if $(NEXTEST),nextest run $(LAB_TESTS) --run-ignored only --test-threads $(LAB_THREADS) --status-level \
  slow --final-status-level fail,test $(LAB_TESTS) -- --ignored --test-threads $(LAB_THREADS))

test-lab:
	@tests/needs build; tests/needs lab || [ -z '$(CI)' ]
	@echo '==> tests in network namespaces, against Kea, ISC dhcpd and dnsmasq'
	@$(CARGO) build --quiet --locked --workspace --bins
	@$(CARGO) test --quiet --locked --workspace --no-run
	@if tests/in-lab --possible && tests/needs lab; then \
	  $(if $(ORDINARY),echo 'test: left out without root: tests of the bus with a second user';) \
	  tests/in-lab $(CARGO) $(LAB_RUN); \
	elif [ -n '$(CI)' ]; then echo 'test: under CI nothing may be left out' >&2; exit 1; \
	else echo 'test: SKIPPED the tests in network namespaces, for the reason above'; fi

# The server is killed so often under load; `make test` does it twenty times.
KILLS ?= 1000

test-kill:
	@tests/needs build lab
	@$(CARGO) build --quiet --locked -p dhcp4o6d
	@KILLS=$(KILLS) tests/in-lab $(CARGO) test --quiet --locked -p dhcp4o6-tests --test provider -- --ignored --nocapture kill_9

# ---- the rest

check:
	@tests/needs build
	@echo '==> formatting'
	@$(CARGO) fmt --all --check
	@echo '==> clippy'
	@$(CARGO) clippy --quiet --locked --workspace --all-targets -- -D warnings
	@echo '==> documentation'
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --quiet --locked --workspace --no-deps --document-private-items

# With cargo-fuzz where it is installed; always with the mutations that need only cargo.
fuzz:
	@tests/needs build fuzz
	@echo '==> seeds and mutations of them, through every decoder'
	@$(CARGO) test --quiet --locked -p dhcp4o6-protocol --test mutations
	@if command -v cargo-fuzz >/dev/null; then cd protocol && set -e; for target in $$($(CARGO) fuzz list); do \
	  echo "==> cargo fuzz $$target, $(FUZZ_SECONDS) s"; mkdir -p fuzz/corpus/$$target; \
	  $(CARGO) fuzz run -s none $$target fuzz/corpus/$$target fuzz/seeds/* -- -max_total_time=$(FUZZ_SECONDS); \
	done; fi

# Only some of it: make bench ROWS='tra lcra tsv tap' is what concerns DHCPv4 over IPv6; those there are: dhcp4o6-bench --help
ROWS ?=

# The bench profile is fast where the release profile is small; its programs too stand in release/.
bench:
	@tests/needs build lab
	@echo '==> building (release)'
	@$(CARGO) build --quiet --locked --release -p dhcp4o6d
	@$(CARGO) build --quiet --locked --profile bench -p dhcp4o6-bench
	@$(if $(if $(ROWS),$(filter isc,$(ROWS)),all),bench/build-isc)
	@tests/in-lab '$(TARGET)/release/dhcp4o6-bench' $(ROWS)
