# Rust, a C compiler, Node 20, Python 3 and make must be installed; each target installs
# whatever else it needs. CARGO_TARGET_DIR is respected.

.PHONY: help demo dev test soak bench layer lint audit clean

help:
	@echo 'make demo          build, run the demo API on this machine, show its traces (ONCE=1: exit afterwards)'
	@echo 'make dev           formatting, clippy and fast tests of what differs from the last commit'
	@echo 'make test          every test, with real third-party parts'
	@echo 'make soak          100,000 invocations with random faults and freezes (N=20000: fewer; SEED=1: repeats a choice)'
	@echo 'make bench         the benchmarks, each beside its peer, as ratios'
	@echo 'make layer         dist/: the layer as a zip for each architecture (ARCH=x86_64 or arm64: only one;'
	@echo '                   CHECK=1: build twice and compare the bytes)'
	@echo 'make lint          formatting and lints'
	@echo 'make audit         licences, sources, bans, yanked versions and advisories of every dependency'
	@echo '                   (ADVISORY_DB=path: a clone of the RustSec database, if it cannot be fetched)'

demo:
	@python3 scripts/demo.py $(if $(filter-out 0 no false,$(ONCE)),--once)

dev:
	@bash scripts/dev.sh

test:
	@bash scripts/test.sh

soak:
	@python3 scripts/soak.py $(if $(N),--invocations $(N)) $(if $(SEED),--seed $(SEED))

bench:
	@bash scripts/bench.sh

layer:
	@CHECK='$(CHECK)' bash scripts/layer.sh $(ARCH)

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

audit:
	@ADVISORY_DB='$(ADVISORY_DB)' bash scripts/audit.sh

clean:
	cargo clean
	rm -rf dist .venv
