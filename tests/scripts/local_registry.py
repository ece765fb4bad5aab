"""Writes a local registry with one crate, `leaf` 1.0.0, into the folder of the first argument.
The second argument, `true` or `false`, says whether the crate is yanked.

Format: https://doc.rust-lang.org/cargo/reference/source-replacement.html#local-registry-sources
"""

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

MANIFEST = '[package]\nname = "leaf"\nversion = "1.0.0"\nedition = "2021"\nlicense = "MIT"\n'

registry = Path(sys.argv[1])
archive = registry / "leaf-1.0.0.crate"
index = registry / "index" / "le" / "af" / "leaf"
index.parent.mkdir(parents=True, exist_ok=True)
with tarfile.open(archive, "w:gz") as crate:
    for name, text in [("Cargo.toml", MANIFEST), ("src/lib.rs", "")]:
        entry = tarfile.TarInfo(f"leaf-1.0.0/{name}")
        entry.size = len(text)
        crate.addfile(entry, io.BytesIO(text.encode()))
line = {
    "name": "leaf",
    "vers": "1.0.0",
    "deps": [],
    "features": {},
    "cksum": hashlib.sha256(archive.read_bytes()).hexdigest(),
    "yanked": sys.argv[2] == "true",
}
index.write_text(json.dumps(line) + "\n")
