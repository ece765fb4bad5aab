#!/usr/bin/env bash
# Checks all dependencies with cargo-deny: licences, sources and bans, yanked crates, and
# security advisories (rules: deny.toml). Advisories are in RustSec's database. The script
# fetches it, or uses the clone that ADVISORY_DB names.
#
# Without network, it cannot check for new advisories and yanked crates. It then says so, and
# fails only if AUDIT_REQUIRE_ADVISORIES=1. With --install-only, it only installs cargo-deny.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

DENY_VERSION=0.20.2
DATABASE=https://github.com/RustSec/advisory-db
# cargo-deny names the folder of a database after a hash of its URL.
DATABASE_FOLDER=advisory-db-3157b0e258782691
# RustSec publishes advisories every week.
MAX_DATABASE_DAYS=90

tools=${CARGO_TARGET_DIR:-target}/tools
deny=$tools/bin/cargo-deny
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

summary=()
failed=0
unchecked=0

say() { printf 'audit: %s\n' "$*"; }
fail() {
    printf 'audit: %s\n' "$@" >&2
    exit 1
}

# Runs a check of cargo-deny, and records its result for the summary.
check() {
    local name=$1
    shift
    if "$deny" "$@"; then
        summary+=("$name: ok")
    else
        summary+=("$name: PROBLEMS, see above")
        failed=1
    fi
}

# Says loudly that a check did not run, and what to do.
report_unchecked() {
    local name=$1 line
    shift
    unchecked=1
    summary+=("$name: NOT CHECKED")
    say '############################################################'
    say "$name: NOT CHECKED"
    for line; do say "$line"; done
    say '############################################################'
}

install_deny() {
    [ "$("$deny" --version 2>/dev/null)" = "cargo-deny $DENY_VERSION" ] && return
    say "building cargo-deny $DENY_VERSION (about three minutes)"
    cargo install --locked --quiet "cargo-deny@$DENY_VERSION" --root "$tools" ||
        fail "cargo-deny cannot be installed; the output of cargo is above"
}

# cargo-deny checks for yanked crates only together with advisories. This database has none.
create_empty_database() {
    local folder=$1/$DATABASE_FOLDER
    mkdir -p "$folder/.git" "$folder/crates/none"
    touch "$folder/.git/FETCH_HEAD"
    printf '%s\n' '```toml' '[advisory]' 'id = "RUSTSEC-2000-0001"' 'package = "none"' \
        'date = "2000-01-01"' '[versions]' 'patched = []' '```' '# None' >"$folder/crates/none/RUSTSEC-2000-0001.md"
}

check_yanked() {
    local output failure=--deny
    # cargo-deny reads Cargo's copy of the registry's index, which this command renews.
    if ! output=$(cargo update --dry-run --color never 2>&1); then
        failure=--allow
        report_unchecked "crates yanked since this machine's last download" \
            "Cargo cannot renew its copy of the index: $(grep -m 1 '^error' <<<"$output")" \
            'Run `make audit` on a machine that can reach the registry.'
    fi
    create_empty_database "$scratch/empty"
    ADVISORY_DBS=$scratch/empty check 'yanked crates' --offline check $failure index-failure advisories
}

# Finds the database of advisories: $databases is the folder that contains it.
find_database() {
    local output
    if [ -n "${ADVISORY_DB:-}" ]; then
        [ -d "$ADVISORY_DB/crates" ] && [ -e "$ADVISORY_DB/.git" ] ||
            fail "ADVISORY_DB=$ADVISORY_DB is not a clone of $DATABASE"
        databases=$scratch/named
        mkdir -p "$databases"
        ln -s "$(cd "$ADVISORY_DB" && pwd)" "$databases/$DATABASE_FOLDER"
        return
    fi
    databases=$tools/advisory-dbs
    output=$(ADVISORY_DBS=$databases "$deny" --color never fetch db 2>&1) && return
    reason="$DATABASE cannot be fetched: $(grep -m 1 '^fatal' <<<"$output" || tail -n 1 <<<"$output")"
    # An earlier fetch may be new enough.
    [ -d "$databases/$DATABASE_FOLDER/crates" ] && say "$reason; using the last fetch"
}

# The newest commit of the database, in days before now.
database_age() {
    local seconds
    seconds=$(git -C "$databases/$DATABASE_FOLDER" log -1 --format=%ct) || return
    echo $((($(date +%s) - seconds) / 86400))
}

check_advisories() {
    local age databases date reason
    local advice=(
        'On a machine with access, run:'
        "    git clone --depth 1 $DATABASE"
        'Copy the clone to this machine, and run:'
        '    make audit ADVISORY_DB=path/to/advisory-db'
    )
    if ! find_database; then
        report_unchecked 'security advisories' "$reason" "${advice[@]}"
        return
    fi
    age=$(database_age) || fail "the last commit of $databases/$DATABASE_FOLDER cannot be read; git says why above"
    date=$(git -C "$databases/$DATABASE_FOLDER" log -1 --format=%cs)
    ADVISORY_DBS=$databases check "security advisories until $date" \
        --offline check --allow yanked --allow index-failure advisories
    [ "$age" -le "$MAX_DATABASE_DAYS" ] ||
        report_unchecked "security advisories since $date" "the database is $age days old" "${advice[@]}"
}

install_deny
[ "${1:-}" = --install-only ] && exit
check 'licences, sources and bans' check bans licenses sources
check_yanked
check_advisories

say 'summary'
for line in "${summary[@]}"; do say "    $line"; done
[ "$failed" -eq 0 ] || exit 1
[ "$unchecked" -eq 0 ] || [ "${AUDIT_REQUIRE_ADVISORIES:-0}" != 1 ] ||
    fail 'AUDIT_REQUIRE_ADVISORIES=1, but not everything was checked'
