#!/usr/bin/env bash
# Runs every test. Installs the third-party programs, builds our programs, runs the unit,
# property, doc and end-to-end tests, and prints a summary.
set -uo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}

step() { printf '\n== %s\n' "$1"; }
fail() { printf 'make test: %s\n' "$1" >&2; exit 1; }

command -v cargo >/dev/null || fail 'cargo is not installed; see https://rustup.rs'

step 'Third-party programs: emulator, SDKs, command-line tools'
bash tests/setup.sh || fail 'the third-party programs could not be installed; the reason is above'
bash scripts/audit.sh --install-only || fail 'cargo-deny could not be installed; the reason is above'

step 'Building (the first time takes several minutes)'
cargo build --locked --workspace --bins || fail 'the build failed'
cargo test --locked --workspace --no-run || fail 'the build of the tests failed'

step 'Lints'
cargo clippy --locked --workspace --all-targets -- -D warnings || fail 'clippy found problems; they are above'

step 'Tests'
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --locked --workspace --no-fail-fast 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

step "Summary, after $((SECONDS - started)) s"
awk '
  /^ +Running |^ +Doc-tests / {
    name = ($1 == "Doc-tests") ? "doc: " $2 : $0
    sub(/^ +Running (unittests )?/, "", name); sub(/ \(.*\/deps\//, "  ", name); sub(/-[0-9a-f]+\)$/, "", name)
  }
  /^test result:/ {
    split($0, part, "; "); split(part[1], first, " ")
    passed += first[4]; split(part[2], f, " "); failed += f[1]; split(part[3], i, " "); ignored += i[1]
    if (first[4] + f[1] + i[1] > 0) printf "  %4d passed  %3d failed  %s\n", first[4], f[1], name
  }
  END { printf "\n%d passed, %d failed, %d skipped\n", passed, failed, ignored }
' "$log"
exit "$status"
