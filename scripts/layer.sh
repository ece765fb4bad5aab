#!/usr/bin/env bash
# Builds the layer for each architecture that this machine can build for:
#   dist/layer-<architecture>/extensions/xray-lambda-extension   for template.yaml
#   dist/xray-lambda-extension-<architecture>.zip                for publish-layer-version
# The arguments are the architectures; the default is x86_64 and arm64.
set -uo pipefail
cd "$(dirname "$0")/.."

# The version in provided.al2023 and the other runtimes on Amazon Linux 2023.
GLIBC=2.34
NAME=xray-lambda-extension

target_dir=${CARGO_TARGET_DIR:-target}
case $target_dir in /*) ;; *) target_dir=$PWD/$target_dir ;; esac
export CARGO_TARGET_DIR=$target_dir
tools=$target_dir/layer-tools

say() { printf 'layer: %s\n' "$*"; }
fail() { printf 'layer: %s\n' "$*" >&2; exit 1; }

command -v cargo >/dev/null || fail 'cargo is not installed; see https://rustup.rs'
command -v python3 >/dev/null || fail 'python3 is not installed; install it to write the zips'
host=$(rustc -vV | sed -n 's/^host: //p')

has_std() {
    local libraries
    libraries=$(rustc --print target-libdir --target "$1" 2>/dev/null) || return 1
    compgen -G "$libraries/libstd-*" >/dev/null
}

# cargo-zigbuild links for another architecture, or for an older glibc than this machine's.
# If it is missing, installs it into a folder under the target folder.
ensure_zigbuild() {
    export PATH=$tools/bin:$PATH
    command -v cargo-zigbuild >/dev/null && return 0
    say 'installing cargo-zigbuild and zig from PyPI'
    python3 -m venv "$tools" >/dev/null 2>&1 &&
        "$tools/bin/pip" install --quiet --disable-pip-version-check cargo-zigbuild ziglang >/dev/null 2>&1
    command -v cargo-zigbuild >/dev/null
}

# One package per command: Cargo unifies the features of all packages in a command.
build_with_cargo() { cargo build --locked --profile layer -p "$NAME" --target "$1"; }
build_with_zig() { cargo zigbuild --locked --profile layer -p "$NAME" --target "$1.$GLIBC"; }

built=()
missing=()
[ $# -gt 0 ] || set -- x86_64 arm64
for architecture; do
    case $architecture in
        x86_64) triple=x86_64-unknown-linux-gnu ;;
        arm64) triple=aarch64-unknown-linux-gnu ;;
        *) fail "unknown architecture '$architecture'; use x86_64 or arm64" ;;
    esac
    binary=$target_dir/$triple/layer/$NAME
    if ! has_std "$triple"; then
        missing+=("$architecture: the standard library of $triple is not installed; run \`rustup target add $triple\`")
        continue
    fi
    say "building for $architecture (a minute or two)"
    if [ "$triple" = "$host" ]; then
        build_with_cargo "$triple" || fail "the build for $architecture failed"
        if ! python3 scripts/layer_zip.py --check "$GLIBC" "$binary"; then
            ensure_zigbuild || fail "this machine's glibc is too new to link against; run \`pip install cargo-zigbuild ziglang\`"
            say "building again, linked for glibc $GLIBC"
            build_with_zig "$triple" || fail "the build for $architecture failed"
        fi
    elif ensure_zigbuild; then
        build_with_zig "$triple" || fail "the build for $architecture failed"
    else
        missing+=("$architecture: no linker for $triple; run \`pip install cargo-zigbuild ziglang\`")
        continue
    fi
    python3 scripts/layer_zip.py --glibc "$GLIBC" --architecture "$architecture" "$binary" dist ||
        fail "the layer for $architecture cannot be used; the reason is above"
    built+=("$architecture")
done

for reason in ${missing[@]+"${missing[@]}"}; do
    say "NOT BUILT for $reason"
done
[ ${#built[@]} -gt 0 ] || fail 'nothing was built'
say "publish with: aws lambda publish-layer-version --layer-name xray-lambda \\"
say "    --compatible-architectures ${built[0]} --zip-file fileb://dist/$NAME-${built[0]}.zip"
