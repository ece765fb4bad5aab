#!/usr/bin/env python3
"""Creates the layer's folder and zip from the binary of an extension.

Rejects a binary that Lambda cannot start: built for another architecture, or linked with a
newer glibc than that of Lambda's runtimes.
"""

import argparse
import shutil
import struct
import sys
import zipfile
from pathlib import Path

MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}
GNU_VERSION_NEEDS = 0x6FFFFFFE


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


def lay_out(binary, architecture, dist):
    folder = dist / f"layer-{architecture}"
    shutil.rmtree(folder, ignore_errors=True)
    extension = folder / "extensions" / binary.name
    extension.parent.mkdir(parents=True)
    shutil.copyfile(binary, extension)
    # Lambda does not start a function if a file in extensions/ is not executable.
    extension.chmod(0o755)
    return extension


def zip_up(extension, path):
    # A fixed date and mode, so that the same binary gives the same zip.
    entry = zipfile.ZipInfo(f"extensions/{extension.name}", (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix; for other systems the mode is ignored
    entry.external_attr = 0o100755 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, extension.read_bytes(), compresslevel=9)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", metavar="VERSION", help="only check that the binary runs with this glibc")
    parser.add_argument("--glibc", metavar="VERSION", help="the glibc version of Lambda's runtimes")
    parser.add_argument("--architecture", choices=MACHINES.values())
    parser.add_argument("binary", type=Path)
    parser.add_argument("dist", type=Path, nargs="?")
    arguments = parser.parse_args()
    elf = Elf(arguments.binary)
    needs = elf.glibc()
    limit = tuple(map(int, (arguments.check or arguments.glibc).split(".")))
    if needs > limit:
        sys.exit(f"layer: {arguments.binary} needs glibc {dotted(needs)}, and Lambda has {dotted(limit)}")
    if arguments.check:
        return
    if elf.architecture != arguments.architecture:
        sys.exit(f"layer: {arguments.binary} is built for {elf.architecture}, not {arguments.architecture}")
    extension = lay_out(arguments.binary, arguments.architecture, arguments.dist)
    archive = arguments.dist / f"{extension.name}-{arguments.architecture}.zip"
    zip_up(extension, archive)
    linked = f"needs glibc {dotted(needs)}" if needs > (0,) else "static"
    print(f"layer: {extension}  {extension.stat().st_size / 1e6:.2f} MB, {linked}")
    print(f"layer: {archive}  {archive.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
