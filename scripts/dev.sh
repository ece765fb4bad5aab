#!/usr/bin/env bash
# Checks a change in seconds: formatting, clippy and the fast tests of each package that
# differs from the last commit. Fast tests are the unit tests, and those files of the
# package's tests/ that changed. Packages that depend on a changed one are left to `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
# benches and the fuzz folders are workspaces of their own; one target folder serves all.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\033[1m' plain=$'\033[0m'
fi
say() { printf '%sdev: %s%s\n' "$bold" "$*" "$plain"; }
run() {
    say "$*"
    "$@" || { printf 'dev: failed: %s\n' "$*" >&2; exit 1; }
}

# The folder of the nearest Cargo.toml above a file; `.` is the workspace itself.
package_of() {
    local folder
    folder=$(dirname "$1")
    while [ "$folder" != . ] && [ ! -e "$folder/Cargo.toml" ]; do
        folder=$(dirname "$folder")
    done
    printf '%s\n' "$folder"
}

# The test that a file in a package's tests/ belongs to: tests/NAME.rs, tests/NAME/main.rs,
# or a file beneath tests/NAME/. Every test of the package if the file serves several.
test_of() {
    local package=$1 name=${2#"$1"/tests/}
    name=${name%%/*}
    name=${name%.rs}
    if [ -e "$package/tests/$name.rs" ] || [ -e "$package/tests/$name/main.rs" ]; then
        printf '%s\n' "$name"
    else
        printf '*\n'
    fi
}

check_workspace() {
    run cargo fmt --all --check
    run cargo clippy --workspace --all-targets -- -D warnings
    run cargo test --workspace --lib --bins
}

check_package() {
    local package=$1 file name units=() tests=()
    while IFS= read -r file; do
        [ "$(package_of "$file")" = "$package" ] || continue
        case $file in
            *.md) ;;
            "$package"/tests/*)
                name=$(test_of "$package" "$file")
                case " ${tests[*]-} " in *" $name "*) ;; *) tests+=(--test "$name") ;; esac
                ;;
            *)
                units=(--bins)
                [ ! -e "$package/src/lib.rs" ] || units+=(--lib)
                ;;
        esac
    done <<<"$changed"
    # By manifest, one at a time: packages that are checked together share features, so that
    # each new combination would build the dependencies again.
    local manifest=(--manifest-path "$package/Cargo.toml")
    run cargo fmt "${manifest[@]}" --check
    run cargo clippy "${manifest[@]}" --all-targets -- -D warnings
    # The fuzz targets link only with the nightly compiler's sanitizer.
    [ "${package##*/}" != fuzz ] || return 0
    # It compares documents with the code, which any change of the package may concern.
    if [ ${#units[@]} -gt 0 ] && [ -e "$package/tests/readme.rs" ]; then
        case " ${tests[*]-} " in *" readme "*) ;; *) tests+=(--test readme) ;; esac
    fi
    run cargo test "${manifest[@]}" ${units[@]+"${units[@]}"} ${tests[@]+"${tests[@]}"}
}

changed=$(
    git -c core.quotePath=off diff --name-only --no-renames HEAD &&
        git -c core.quotePath=off ls-files --others --exclude-standard
)
if [ -z "$changed" ]; then
    say 'nothing differs from the last commit'
    exit 0
fi

workspace=no
packages=()
while IFS= read -r file; do
    case $file in
        Cargo.toml | Cargo.lock | rust-toolchain.toml | clippy.toml) workspace=yes ;;
        *.md) ;;
        *)
            package=$(package_of "$file")
            case " ${packages[*]-} " in *" $package "*) ;; *) packages+=("$package") ;; esac
            ;;
    esac
done <<<"$changed"

checked=0
if [ "$workspace" = yes ]; then
    check_workspace
    checked=1
fi
for package in ${packages[@]+"${packages[@]}"}; do
    [ "$package" != . ] || continue
    # The workspace's members are checked already; the packages outside it are not.
    [ "$workspace" = no ] || grep -q '^\[workspace\]' "$package/Cargo.toml" || continue
    check_package "$package"
    checked=1
done
if [ "$checked" = 0 ]; then
    say 'no package differs from the last commit: nothing to build'
    exit 0
fi
say "passed in $SECONDS s"
