#!/usr/bin/env bash
# Runs the benchmarks. Each figure is measured together with that of the named peer.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$target

bash tests/setup.sh
# One package per command: Cargo unifies the features of all packages in a command.
cargo build --locked --profile layer -p xray-lambda-extension
cargo build --locked --release -p xray-local
cargo build --locked --profile layer --manifest-path benches/Cargo.toml --bin bare-extension --bin bare-std
cargo build --locked --release --manifest-path benches/Cargo.toml --bin xray-lambda-benches
"$target/release/xray-lambda-benches" \
  "$target/layer/xray-lambda-extension" "$target/layer/bare-extension" "$target/layer/bare-std" \
  "$target/release/xray-local" "${XRAY_LAMBDA_VENV:-$PWD/.venv}/bin/moto_server"
