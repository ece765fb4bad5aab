#!/bin/sh
# Installs the third-party parts that the tests run: Python ones into a virtual
# environment (XRAY_LAMBDA_VENV, or .venv, from the root of the repository), the Node
# one into tests/node/node_modules. Run again, it only does what changed.
set -eu

cd "$(dirname "$0")/.."
tests=$PWD/tests
venv=${XRAY_LAMBDA_VENV:-.venv}
case $venv in
/*) ;;
*) venv=$PWD/$venv ;;
esac
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say() { printf 'tests/setup.sh: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Runs a command with its output kept for the case that it fails, and says every
# ten seconds that it is still at work.
quietly() {
    what=$1
    shift
    say "$what"
    "$@" >"$log" 2>&1 &
    command=$!
    seconds=0
    while kill -0 "$command" 2>/dev/null; do
        sleep 1
        seconds=$((seconds + 1))
        if [ $((seconds % 10)) -eq 0 ]; then
            say "  … $seconds s: $(tail -n 1 "$log" | cut -c 1-80)"
        fi
    done
    wait "$command" || {
        tail -n 40 "$log" >&2
        fail "that failed; its last lines are above"
    }
}

python=$(command -v python3) || fail "python3 is missing: install Python 3.10 or later"
npm=$(command -v npm) || fail "npm is missing: install Node 20 or later"

# The stamp names everything that the installation depends on.
wanted=$(
    cat "$tests/requirements.txt" "$tests/constraints.txt"
    "$python" -c 'import sys; print(sys.version, sys.executable)'
)
wanted=$(printf '%s' "$wanted" | cksum)
if [ "$(cat "$venv/.installed" 2>/dev/null)" != "$wanted" ]; then
    [ ! -e "$venv" ] || [ -e "$venv/pyvenv.cfg" ] ||
        fail "$venv is there and is no virtual environment: move it away"
    rm -rf "$venv"
    quietly "making $venv" "$python" -m venv "$venv"
    quietly "installing SAM CLI, AWS CLI, boto3, the X-Ray SDK, moto and cargo-lambda (about a minute)" \
        "$venv/bin/pip" install --disable-pip-version-check --no-input --progress-bar off \
        -r "$tests/requirements.txt" -c "$tests/constraints.txt"
    printf '%s\n' "$wanted" >"$venv/.installed"
fi

modules=$tests/node/node_modules
wanted=$(cksum <"$tests/node/package-lock.json")
if [ "$(cat "$modules/.installed" 2>/dev/null)" != "$wanted" ]; then
    # dynalite keeps its tables in memory here, so nothing native need be built.
    quietly "installing dynalite" \
        "$npm" ci --prefix "$tests/node" --ignore-scripts --no-audit --no-fund
    printf '%s\n' "$wanted" >"$modules/.installed"
fi

say "the third-party parts are ready"
