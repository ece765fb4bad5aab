#!/usr/bin/env python3
"""Lists the parts of the layer's binary: their licences as text, and a bill of materials.

The parts are the crates that Cargo links for this package and target, the standard library of
Rust, and the libc and libunwind that the standard library brings for a static program. Crates that only run during the build, such as procedural macros,
are not in the binary. The output depends on Cargo.lock, the toolchain and zig only: it has no
date and no path.

cargo-about and cargo-cyclonedx do the same. Building cargo-about alone took two and a half
minutes on two cores.
"""

import argparse
import json
import re
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LICENSE_FILE = re.compile(r"(licen[sc]e|copying|copyright|notice|unlicense)", re.IGNORECASE)
RULE = "=" * 80


@dataclass
class Part:
    """A crate, or a library that is no crate."""

    name: str
    version: str
    # An SPDX expression.
    license: str
    purl: str
    repository: str = ""
    sha256: str = ""
    # Names and texts of the files with licences and notices.
    texts: list = field(default_factory=list)
    dependencies: set = field(default_factory=set)


def output(*command):
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"layer: `{' '.join(command)}` failed; its output is above")
    return result.stdout


def crates(package, target):
    """Returns the crates of the binary, the package first, each with its dependencies."""
    options = ["--locked", "-p", package, "--target", target, "-e", "normal,no-proc-macro"]
    tree = output("cargo", "tree", *options, "--prefix", "depth", "-f", " {p}")
    metadata = json.loads(output("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    packages = {(package["name"], package["version"]): package for package in metadata["packages"]}
    # Python reads TOML from version 3.11 on.
    entry = re.compile(r'^name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"$', re.MULTILINE)
    checksums = {match.group(1, 2): match[3] for match in entry.finditer((ROOT / "Cargo.lock").read_text())}
    found = {}
    path = []
    for line in tree.splitlines():
        depth, name, version = line.split()[:3]
        key = (name, version.removeprefix("v"))
        if key not in found:
            found[key] = crate(packages[key], checksums.get(key, ""))
        del path[int(depth) :]
        if path:
            path[-1].dependencies.add(found[key].purl)
        path.append(found[key])
    return list(found.values())


def crate(package, checksum):
    folder = Path(package["manifest_path"]).parent
    # In Cargo, `MIT/Apache-2.0` is an old form of `MIT OR Apache-2.0`.
    license = re.sub(r"\s*/\s*", " OR ", package["license"] or "")
    part = Part(
        package["name"],
        package["version"],
        license,
        f"pkg:cargo/{package['name']}@{package['version']}",
        package["repository"] or "",
        checksum,
    )
    if package["source"] is None:
        part.texts = [("LICENSE", (ROOT / "LICENSE").read_text())]
        return part
    files = [file for file in folder.rglob("*") if file.is_file() and LICENSE_FILE.match(file.name)]
    files = [file for file in files if file.suffix not in (".c", ".h", ".rs")]
    part.texts = [(file.relative_to(folder).as_posix(), read(file)) for file in sorted(files)]
    if not part.texts:
        part.texts = [(f"{license} (the crate has no such file)", fallback(part))]
    return part


def fallback(part):
    """Returns the text of the licence of a crate that contains no text."""
    file = ROOT / "scripts" / "licenses" / f"{part.license}.txt"
    if not file.exists():
        sys.exit(f"layer: {part.name} {part.version} has no licence file; add the text of {part.license} as {file}")
    return file.read_text()


def read(file):
    return file.read_text(encoding="utf-8", errors="replace")


class Copyright(HTMLParser):
    """The text of the standard library's COPYRIGHT-library.html, and the licences in it."""

    def __init__(self, page):
        super().__init__()
        self.paragraphs = []
        self.texts = []
        self.text = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "pre":
            self.text = ""

    def handle_endtag(self, tag):
        if tag == "pre":
            name = self.paragraphs.pop()
            self.texts.append((name, self.text))
            self.text = None

    def handle_data(self, data):
        if self.text is not None:
            self.text += data
        elif data.strip():
            self.paragraphs.append(" ".join(data.split()))


def standard_library(rustc):
    version = re.search(r"^release: (\S+)", rustc, re.MULTILINE)[1]
    file = Path(output("rustc", "--print", "sysroot").strip()) / "share/doc/rust/COPYRIGHT-library.html"
    if not file.exists():
        sys.exit(f"layer: {file} with the licences of the standard library is missing; install Rust with rustup")
    return Part(
        "rust-std",
        version,
        "MIT OR Apache-2.0",
        f"pkg:generic/rust-std@{version}",
        "https://github.com/rust-lang/rust",
        texts=Copyright(read(file)).texts,
    )


def bundled(rustc, target, zig):
    """Returns the libraries of rust-std that make the program static. The toolchain has no
    licence text of them; zig has the same libraries, with their texts."""
    libraries = Path(output("rustc", "--print", "target-libdir", "--target", target).strip())
    musl = re.search(rb"\0(\d+\.\d+\.\d+)\0", (libraries / "self-contained" / "libc.a").read_bytes())
    if not musl:
        sys.exit(f"layer: {libraries}/self-contained/libc.a shows no version; look how musl writes it now")
    llvm = re.search(r"^LLVM version: (\S+)", rustc, re.MULTILINE)[1]
    found = []
    for name, version, license, repository, text in [
        ("musl", musl[1].decode(), "MIT", "https://git.musl-libc.org/git/musl", "lib/libc/musl/COPYRIGHT"),
        ("libunwind", llvm, "Apache-2.0 WITH LLVM-exception", "https://github.com/llvm/llvm-project", "lib/libunwind/LICENSE.TXT"),
    ]:
        texts = [(Path(text).name, read(zig / text))]
        found.append(Part(name, version, license, f"pkg:generic/{name}@{version}", repository, texts=texts))
    return found


def notices(parts):
    """Returns the notices. Each text appears once, after the list of parts."""
    numbers = {}
    texts = []
    lines = [f"{parts[0].name} {parts[0].version} contains the following parts.", ""]
    for part in parts:
        names = []
        for name, text in part.texts:
            # Copies of a licence differ in spaces and line breaks.
            key = " ".join(text.split())
            if key not in numbers:
                numbers[key] = len(numbers) + 1
                texts.append(text.strip("\n"))
            names.append(f"{name} [{numbers[key]}]")
        lines += [f"{part.name} {part.version}: {part.license}"]
        lines += [f"    {part.repository}"] if part.repository else []
        # The standard library has the same text many times.
        lines += [f"    {', '.join(dict.fromkeys(names))}"]
    for number, text in enumerate(texts, 1):
        lines += ["", RULE, f"[{number}]", RULE, text]
    return "\n".join(lines) + "\n"


def component(part, kind="library"):
    found = {"type": kind, "bom-ref": part.purl, "name": part.name, "version": part.version}
    if part.sha256:
        found["hashes"] = [{"alg": "SHA-256", "content": part.sha256}]
    found["licenses"] = [{"expression": part.license}]
    found["purl"] = part.purl
    if part.repository:
        found["externalReferences"] = [{"type": "vcs", "url": part.repository}]
    return found


def bill_of_materials(parts, target, rustc):
    """Returns the bill of materials in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/)."""
    program, *others = parts
    described = [component(part) for part in others]
    dependencies = [{"ref": part.purl, "dependsOn": sorted(part.dependencies)} for part in parts]
    # Not random, so that the same parts have the same number.
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([target, rustc, described, dependencies]))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "component": component(program, "application"),
            "properties": [{"name": "target", "value": target}, {"name": "rustc", "value": rustc.splitlines()[0]}],
        },
        "components": described,
        "dependencies": dependencies,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package")
    parser.add_argument("target", help="the target triple, such as x86_64-unknown-linux-musl")
    parser.add_argument("--notices", type=Path, required=True, metavar="FILE")
    parser.add_argument("--bill-of-materials", type=Path, required=True, metavar="FILE")
    parser.add_argument("--zig", type=Path, metavar="FOLDER", required=True, help="the Python package ziglang")
    arguments = parser.parse_args()
    rustc = output("rustc", "-vV")
    program, *linked = crates(arguments.package, arguments.target)
    linked.sort(key=lambda part: (part.name, part.version))
    others = [standard_library(rustc), *bundled(rustc, arguments.target, arguments.zig)]
    program.dependencies.update(part.purl for part in others)
    parts = [program] + linked + others
    arguments.notices.write_text(notices(parts), encoding="utf-8")
    bill = bill_of_materials(parts, arguments.target, rustc)
    arguments.bill_of_materials.write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    print(f"layer: {arguments.bill_of_materials}  {len(parts)} parts")


if __name__ == "__main__":
    main()
