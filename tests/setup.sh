#!/bin/sh
# Installs the third-party programs for the tests: the Python ones into a virtual
# environment (XRAY_LAMBDA_VENV, relative to the root of the repository; default .venv), the
# Node ones into tests/node/node_modules. A second run installs only what has changed.
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

# Runs a command without its output. Prints the progress every ten seconds, and the end of
# the output if the command fails.
run_quietly() {
    step=$1
    shift
    say "$step"
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
        fail "$step failed; the last lines of its output are above"
    }
}

python=$(command -v python3) || fail "python3 is missing: install Python 3.10 or later"
npm=$(command -v npm) || fail "npm is missing: install Node 20 or later"

# A checksum of everything that the installation depends on.
wanted=$(
    cat "$tests/requirements.txt" "$tests/constraints.txt"
    "$python" -c 'import sys; print(sys.version, sys.executable)'
)
wanted=$(printf '%s' "$wanted" | cksum)
if [ "$(cat "$venv/.installed" 2>/dev/null)" != "$wanted" ]; then
    [ ! -e "$venv" ] || [ -e "$venv/pyvenv.cfg" ] ||
        fail "$venv exists, but is not a virtual environment: move it away"
    rm -rf "$venv"
    run_quietly "creating $venv" "$python" -m venv "$venv"
    run_quietly "installing SAM CLI, AWS CLI, boto3, the X-Ray SDK, moto and cargo-lambda (about a minute)" \
        "$venv/bin/pip" install --disable-pip-version-check --no-input --progress-bar off \
        -r "$tests/requirements.txt" -c "$tests/constraints.txt"
    printf '%s\n' "$wanted" >"$venv/.installed"
fi

modules=$tests/node/node_modules
wanted=$(cksum <"$tests/node/package-lock.json")
if [ "$(cat "$modules/.installed" 2>/dev/null)" != "$wanted" ]; then
    # --ignore-scripts builds no native modules; dynalite needs none for tables in memory.
    run_quietly "installing dynalite and the X-Ray SDK for Node" \
        "$npm" ci --prefix "$tests/node" --ignore-scripts --no-audit --no-fund
    printf '%s\n' "$wanted" >"$modules/.installed"
fi

say "the third-party programs are ready"
