#!/usr/bin/env python3
"""Creates the layer's folder and zip from the binary of an extension, and the checksums.

Rejects a binary that Lambda cannot start: built for another architecture, or in need of a libc,
whose version differs between Lambda's runtimes. Also rejects one that contains a path of the build
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
PROGRAM_INTERPRETER = 3
LICENSE = Path(__file__).resolve().parent.parent / "LICENSE"


class Elf:
    """A 64-bit little-endian ELF file: its architecture and its dynamic linker."""

    def __init__(self, path):
        self.data = path.read_bytes()
        if self.data[:6] != b"\x7fELF\x02\x01":
            sys.exit(f"layer: {path} is not a 64-bit Linux program")
        self.architecture = MACHINES.get(self.number("H", 18), "another architecture")

    def number(self, kind, offset):
        return struct.unpack_from("<" + kind, self.data, offset)[0]

    def interpreter(self):
        """Returns the dynamic linker that starts the program; None for a static program."""
        start, size, count = self.number("Q", 32), self.number("H", 54), self.number("H", 56)
        for at in (start + size * number for number in range(count)):
            if self.number("I", at) == PROGRAM_INTERPRETER:
                path = self.number("Q", at + 8)
                return self.data[path : self.data.index(b"\0", path)].decode()
        return None


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
    if elf.architecture != arguments.architecture:
        sys.exit(f"layer: {binary} is built for {elf.architecture}, not {arguments.architecture}")
    for path in arguments.without:
        at = elf.data.find(path.encode())
        if at >= 0:
            found = elf.data[at : at + 120].split(b"\0")[0].decode(errors="replace")
            sys.exit(f"layer: {binary} contains a path of this machine: {found}; add a --remap-path-prefix in scripts/layer.sh")
    if elf.interpreter():
        sys.exit(f"layer: {binary} needs {elf.interpreter()} and its libc, which differs between Lambda's runtimes; build a static one with `make layer`")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    print(f"layer: {folder}/extensions/{name}  {arguments.binary.stat().st_size / 1e6:.2f} MB, static")
    print(f"layer: {archive}  {archive.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
