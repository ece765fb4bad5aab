#!/usr/bin/env bash
# Builds the layer for the architectures in the arguments; the default is x86_64 and arm64.
# Each one gets in dist/:
#   layer-<architecture>/                             the content of the layer, for template.yaml
#   xray-lambda-extension-<architecture>.zip          the same, for publish-layer-version
#   xray-lambda-extension-<architecture>.cdx.json     the bill of materials, in CycloneDX
# and dist/SHA256SUMS has the checksums of all zips and bills of materials.
#
# The binary is static, with musl's libc: it starts on every runtime of Lambda, whichever libc the
# runtime has, and without the dynamic linker's work. It depends on the
# sources, the pinned toolchain and the pinned C compiler, and not on the machine or its folders;
# the zip also on Python's zlib. CHECK=1 builds a second time in other
# folders and compares the bytes.
set -uo pipefail
cd -P "$(dirname "$0")/.." || exit

NAME=xray-lambda-extension

target_dir=${CARGO_TARGET_DIR:-target}
case $target_dir in /*) ;; *) target_dir=$PWD/$target_dir ;; esac
export CARGO_TARGET_DIR=$target_dir
cargo_home=${CARGO_HOME:-$HOME/.cargo}
zig=${LAYER_ZIG:-$target_dir/layer-zig}

say() { printf 'layer: %s\n' "$*"; }
fail() {
    printf 'layer: %s\n' "$@" >&2
    exit 1
}

triple_of() {
    case $1 in
        x86_64) echo x86_64-unknown-linux-musl ;;
        arm64) echo aarch64-unknown-linux-musl ;;
        *) fail "unknown architecture '$1'; use x86_64 or arm64" ;;
    esac
}

has_std() {
    local libraries
    libraries=$(rustc --print target-libdir --target "$1" 2>/dev/null) || return 1
    compgen -G "$libraries/libstd-*" >/dev/null
}

# Makes sure that the standard library of each architecture is there. Fails before the first
# build, because `sam package` needs the layers of all architectures.
require_std() {
    local architecture triple output
    local present=() missing=()
    for architecture; do
        triple=$(triple_of "$architecture") || exit
        if ! has_std "$triple" && command -v rustup >/dev/null; then
            say "installing the standard library of $triple"
            output=$(rustup target add "$triple" 2>&1) || printf '%s\n' "$output" >&2
        fi
        if has_std "$triple"; then
            present+=("$architecture")
        else
            missing+=("cannot build for $architecture: the standard library of $triple is not installed; run \`rustup target add $triple\`")
        fi
    done
    [ ${#missing[@]} -eq 0 ] && return
    [ ${#present[@]} -eq 0 ] || missing+=("to build only for ${present[*]}, run \`make layer ARCH='${present[*]}'\`")
    fail "${missing[@]}"
}

# Installs zig into a folder of its own. It compiles the C and assembly of `ring` for each
# architecture; the toolchain's own linker, rust-lld, links them.
install_zig() {
    local output wanted
    wanted=$(cksum <scripts/layer-requirements.txt; python3 --version)
    if [ "$(cat "$zig/.installed" 2>/dev/null)" != "$wanted" ]; then
        say 'installing the C compiler: zig from PyPI, 100 MB'
        rm -rf "$zig"
        output=$(
            python3 -m venv "$zig" 2>&1 &&
                "$zig/bin/pip" install --disable-pip-version-check --no-input --progress-bar off \
                    --only-binary :all: --require-hashes -r scripts/layer-requirements.txt 2>&1
        ) || {
            printf '%s\n' "$output" >&2
            fail 'the C compiler cannot be installed; the output of pip is above' \
                'without access to PyPI, set PIP_INDEX_URL to a mirror, or PIP_FIND_LINKS to a folder with the wheels of scripts/layer-requirements.txt'
        }
        printf '%s\n' "$wanted" >"$zig/.installed"
    fi
    # The build script of `ring` calls these. It names target and processor in the words of
    # clang or gcc, whichever it believes to see, and zig has its own.
    local triple
    for triple in x86_64-linux-musl aarch64-linux-musl; do
        cat >"$zig/bin/cc-$triple" <<END
#!/usr/bin/env bash
for argument; do
    shift
    case \$argument in --target=* | -m64 | -march=*) ;; *) set -- "\$@" "\$argument" ;; esac
done
exec "$zig/bin/python3" -m ziglang cc -target $triple "\$@"
END
        chmod +x "$zig/bin/cc-$triple"
    done
    printf '#!/bin/sh\nexec "%s" -m ziglang ar "$@"\n' "$zig/bin/python3" >"$zig/bin/zig-ar"
    chmod +x "$zig/bin/zig-ar"
}

# Replaces the folders of this machine in panic messages by fixed names: the bytes stay the
# same in another folder, and the binary does not show where it was built. If several
# prefixes match, rustc takes the last one.
export_rustflags() {
    # Creates the folder of the registry, whose name is needed.
    cargo fetch --locked || fail 'the dependencies cannot be downloaded; the output of cargo is above'
    local commit folder sysroot
    commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
    sysroot=$(rustc --print sysroot)
    local flags=(
        # The linker and the libc of the pinned toolchain, for both architectures.
        -Clinker=rust-lld -Clinker-flavor=ld.lld -Clink-self-contained=yes
        # Smaller: relocations in the packed form, and one copy of equal functions.
        -Clink-arg=--pack-dyn-relocs=relr -Clink-arg=--icf=all
        "--remap-path-prefix=$PWD=/xray-lambda"
        "--remap-path-prefix=$target_dir=/target"
        "--remap-path-prefix=$cargo_home=/cargo"
        # With the component rust-src, rustc writes its path instead of this name.
        "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rustc/$commit"
    )
    # The folder has the name of the registry, which is another one for a mirror.
    for folder in "$cargo_home"/registry/src/*/; do
        flags+=("--remap-path-prefix=${folder%/}=/cargo/registry")
    done
    local IFS=$'\x1f'
    export CARGO_ENCODED_RUSTFLAGS="${flags[*]}"
}

build() {
    local triple=$1 architecture=$2
    local binary=$target_dir/$triple/layer/$NAME
    local notices=$target_dir/$triple/layer/THIRD-PARTY-NOTICES.txt
    say "building for $architecture (a minute or two)"
    # One package per command: Cargo unifies the features of all packages in a command.
    env "CC_${triple//-/_}=$zig/bin/cc-${triple/-unknown/}" "AR_${triple//-/_}=$zig/bin/zig-ar" \
        cargo build --locked --profile layer -p "$NAME" --target "$triple" ||
        fail "the build for $architecture failed; the output of cargo is above"
    mkdir -p dist
    python3 scripts/layer_inventory.py "$NAME" "$triple" --notices "$notices" \
        --bill-of-materials "dist/$NAME-$architecture.cdx.json" \
        --zig "$("$zig/bin/python3" -c 'import ziglang; print(*ziglang.__path__)')" ||
        fail "the notices of $architecture cannot be written; the reason is above"
    python3 scripts/layer_zip.py --architecture "$architecture" \
        --notices "$notices" --without "$PWD" --without "$target_dir" \
        --without "$cargo_home" --without "$(rustc --print sysroot)" "$binary" dist ||
        fail "the layer for $architecture cannot be used; the reason is above"
}

# Builds a copy of the sources in another folder and compares the results.
check_bytes() {
    local check=$target_dir/layer-check
    rm -rf "$check"
    mkdir -p "$check/copy-of-the-sources"
    git ls-files -z --cached --others --exclude-standard | tar -c -f - --null -T - |
        tar -x -f - -C "$check/copy-of-the-sources" ||
        fail 'CHECK=1 copies the files that git lists; run it in a clone of the repository'
    say 'building a second time, in other folders'
    CHECK='' CARGO_TARGET_DIR=$check/target LAYER_ZIG=$zig \
        bash "$check/copy-of-the-sources/scripts/layer.sh" "$@" || fail 'the second build failed'
    local architecture suffix file
    for architecture; do
        for suffix in .zip .cdx.json; do
            file=$NAME-$architecture$suffix
            cmp "dist/$file" "$check/copy-of-the-sources/dist/$file" ||
                fail "two builds of $file have different bytes; the second is in $check"
        done
    done
    rm -rf "$check"
    say 'both builds have the same bytes'
}

command -v cargo >/dev/null || fail 'cargo is not installed; see https://rustup.rs'
command -v python3 >/dev/null || fail 'python3 is not installed; install Python 3.9 or later'
[ $# -gt 0 ] || set -- x86_64 arm64
require_std "$@"
install_zig
export_rustflags
for architecture; do
    build "$(triple_of "$architecture")" "$architecture"
done
# `sam package` zips the folder of each layer in template.yaml, also of one that is not
# deployed. Lambda rejects a layer from an empty folder.
for architecture in x86_64 arm64; do
    mkdir -p "dist/layer-$architecture"
    [ -d "dist/layer-$architecture/extensions" ] ||
        say "dist/layer-$architecture is empty: template.yaml cannot be deployed for $architecture"
done
case ${CHECK:-} in '' | 0 | no | false) ;; *) check_bytes "$@" ;; esac
for architecture; do
    say "publish with: aws lambda publish-layer-version --layer-name xray-lambda \\"
    say "    --compatible-architectures $architecture --zip-file fileb://dist/$NAME-$architecture.zip"
done
