#!/usr/bin/env python3
"""Creates the layer's folder and zip from the binary of an extension, and the checksums.

Rejects a binary that Lambda cannot start: built for another architecture, or linked with a
newer glibc than that of Lambda's runtimes. Also rejects one that contains a path of the build
machine. The same input gives the same bytes.
"""

import argparse
import hashlib
import shutil
import struct
import sys
import zipfile
from pathlib import Path

MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}
GNU_VERSION_NEEDS = 0x6FFFFFFE
LICENSE = Path(__file__).resolve().parent.parent / "LICENSE"


class Elf:
    """A 64-bit little-endian ELF file: its architecture and the glibc that it needs."""

    def __init__(self, path):
        self.data = path.read_bytes()
        if self.data[:6] != b"\x7fELF\x02\x01":
            sys.exit(f"layer: {path} is not a 64-bit Linux program")
        self.architecture = MACHINES.get(self.number("H", 18), "another architecture")

    def number(self, kind, offset):
        return struct.unpack_from("<" + kind, self.data, offset)[0]

    def sections(self):
        """Yields (type, offset, link, info) of each section."""
        start, size, count = self.number("Q", 40), self.number("H", 58), self.number("H", 60)
        for at in range(start, start + size * count, size):
            yield self.number("I", at + 4), self.number("Q", at + 24), self.number("I", at + 40), self.number("I", at + 44)

    def text(self, offset):
        return self.data[offset : self.data.index(b"\0", offset)].decode()

    def glibc(self):
        """Returns the newest glibc that a symbol needs, as (2, 34); (0,) for a static program."""
        newest = (0,)
        sections = list(self.sections())
        for kind, need, link, count in sections:
            if kind != GNU_VERSION_NEEDS:
                continue
            strings = sections[link][1]
            for _ in range(count):
                version = need + self.number("I", need + 8)
                for _ in range(self.number("H", need + 2)):
                    name = self.text(strings + self.number("I", version + 8))
                    if name.startswith("GLIBC_"):
                        newest = max(newest, tuple(map(int, name[6:].split("."))))
                    version += self.number("I", version + 12)
                need += self.number("I", need + 12)
        return newest


def dotted(version):
    return ".".join(map(str, version))


def lay_out(contents, folder):
    """Writes the layer's folder. `contents` maps paths in the layer to files and modes."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, (file, mode) in contents.items():
        copy = folder / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        copy.chmod(mode)


def zip_up(contents, path):
    with zipfile.ZipFile(path, "w") as archive:
        for name, (file, mode) in contents.items():
            # A fixed date and mode, so that the same files give the same zip.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix; for other systems the mode is ignored
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, file.read_bytes(), compresslevel=9)


def write_checksums(dist):
    """Writes the checksums of all zips and bills of materials, as `sha256sum --check` reads them."""
    files = sorted([*dist.glob("*.zip"), *dist.glob("*.cdx.json")])
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (dist / "SHA256SUMS").write_text("".join(lines))


def check(elf, arguments):
    """Exits if Lambda cannot start the binary, or if it shows where it was built."""
    binary = arguments.binary
    limit = tuple(map(int, arguments.glibc.split(".")))
    if elf.glibc() > limit:
        sys.exit(f"layer: {binary} needs glibc {dotted(elf.glibc())}, and Lambda has {dotted(limit)}")
    if elf.architecture != arguments.architecture:
        sys.exit(f"layer: {binary} is built for {elf.architecture}, not {arguments.architecture}")
    for path in arguments.without:
        at = elf.data.find(path.encode())
        if at >= 0:
            found = elf.data[at : at + 120].split(b"\0")[0].decode(errors="replace")
            sys.exit(f"layer: {binary} contains a path of this machine: {found}; add a --remap-path-prefix in scripts/layer.sh")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glibc", metavar="VERSION", required=True, help="the glibc version of Lambda's runtimes")
    parser.add_argument("--architecture", choices=MACHINES.values(), required=True)
    parser.add_argument("--notices", type=Path, required=True, metavar="FILE", help="the licences of the binary's parts")
    parser.add_argument("--without", action="append", default=[], metavar="PATH", help="reject a binary that contains this path")
    parser.add_argument("binary", type=Path)
    parser.add_argument("dist", type=Path)
    arguments = parser.parse_args()
    elf = Elf(arguments.binary)
    check(elf, arguments)
    name = arguments.binary.name
    contents = {
        # Lambda does not start a function if a file in extensions/ is not executable.
        f"extensions/{name}": (arguments.binary, 0o755),
        "xray-lambda/LICENSE": (LICENSE, 0o644),
        "xray-lambda/THIRD-PARTY-NOTICES.txt": (arguments.notices, 0o644),
    }
    folder = arguments.dist / f"layer-{arguments.architecture}"
    archive = arguments.dist / f"{name}-{arguments.architecture}.zip"
    lay_out(contents, folder)
    zip_up(contents, archive)
    write_checksums(arguments.dist)
    linked = f"needs glibc {dotted(elf.glibc())}" if elf.glibc() > (0,) else "static"
    print(f"layer: {folder}/extensions/{name}  {arguments.binary.stat().st_size / 1e6:.2f} MB, {linked}")
    print(f"layer: {archive}  {archive.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
