#!/usr/bin/env bash
# Runs the benchmarks. Each figure is measured together with that of the named peer.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$target

# The layer's own binary, as it is published.
case $(uname -m) in aarch64 | arm64) architecture=arm64 ;; *) architecture=x86_64 ;; esac

bash tests/setup.sh
# One package per command: Cargo unifies the features of all packages in a command.
make --no-print-directory layer ARCH="$architecture"
cargo build --locked --release -p xray-local
cargo build --locked --profile layer --manifest-path benches/Cargo.toml --bin bare-extension --bin bare-std
cargo build --locked --release --manifest-path benches/Cargo.toml --bin xray-lambda-benches
"$target/release/xray-lambda-benches" \
  "dist/layer-$architecture/extensions/xray-lambda-extension" "$target/layer/bare-extension" "$target/layer/bare-std" \
  "$target/release/xray-local" "${XRAY_LAMBDA_VENV:-$PWD/.venv}/bin/moto_server"
