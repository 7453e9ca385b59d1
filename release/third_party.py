"""The licences of everything that is linked into piton, as their authors wrote them."""

import re
from pathlib import Path

LICENCE = re.compile(r"^(LICEN[CS]E|COPYING|NOTICE|COPYRIGHT|UNLICENSE)", re.IGNORECASE)
# Not from a crate: the C library of a static binary, and Rust's own.
BESIDE = """\
Rust's standard library: MIT OR Apache-2.0, The Rust Project contributors.
musl libc, in static binaries: MIT, Copyright (c) 2005-2020 Rich Felker, et al.
SQLite (in libsqlite3-sys): public domain.
"""


def linked(metadata):
    """The packages that piton is linked with: what is reached by ordinary dependencies, without macros and what only builds."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    todo, seen = [package["id"] for package in metadata["packages"] if package["name"] == "piton"], set()
    while todo:
        one = todo.pop()
        if one in seen or any("proc-macro" in target["kind"] for target in packages[one]["targets"]):
            continue
        seen.add(one)
        todo += [dep["pkg"] for dep in nodes[one]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
    return sorted((packages[one] for one in seen if packages[one]["source"]), key=lambda package: (package["name"], package["version"]))


def texts(package):
    """The licences that lie in a package or in the C source that it brings."""
    folder = Path(package["manifest_path"]).parent
    found = [path for depth in ("*", "*/*") for path in folder.glob(depth) if LICENCE.match(path.name) and path.is_file()]
    return [path.read_text(errors="replace").strip().replace("\r\n", "\n") for path in sorted(found) if path.suffix != ".rs"]


def licences(metadata):
    """One document: each package with its licence, then each text once, with the packages that it is of."""
    packages, of = linked(metadata), {}
    for package in packages:
        for text in texts(package):
            of.setdefault(text, []).append(f"{package['name']} {package['version']}")
    listed = "".join(f"{package['name']} {package['version']}: {package['license'] or 'see its text'}\n" for package in packages)
    parts = [f"piton is linked with:\n\n{listed}\n{BESIDE}"]
    for text, names in of.items():
        # Once for each package, however many of its files say it.
        parts.append(f"{', '.join(dict.fromkeys(names))}\n\n{text}\n")
    return ("\n" + "=" * 80 + "\n\n").join(parts)
