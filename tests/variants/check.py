#!/usr/bin/env python3
"""Applies every variant in variants.toml to a copy of the candidate and builds it.

    python3 tests/variants/check.py [OUT_DIR]

With OUT_DIR, the binaries stay there, one per variant. Needs Python 3.11, no packages. Exit status 1 when an
edit does not apply exactly once, or a variant does not compile.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def main() -> int:
    out = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    variants = tomllib.loads((HERE / "variants.toml").read_text())["variant"]
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "candidate"
        shutil.copytree(ROOT / "worker", Path(scratch) / "worker")
        env = dict(os.environ, CARGO_TARGET_DIR=str(Path(scratch) / "target"), RUSTFLAGS="-C target-cpu=native")
        for variant in variants:
            assert variant["should"] in ("pass", "fail"), variant["name"]
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(
                ROOT / "candidate", copy, ignore=shutil.ignore_patterns("target"), copy_function=shutil.copy
            )
            problem = apply(copy / "src", variant["edits"]) or build(copy, env)
            print(f"{'failed' if problem else 'ok':6}  {variant['name']}", flush=True)
            if problem:
                failures += 1
                print(problem)
            elif out:
                out.mkdir(parents=True, exist_ok=True)
                name = "".join(c if c.isalnum() else "-" for c in variant["name"])
                shutil.copy(Path(scratch) / "target/release/candidate", out / name)
    return 1 if failures else 0


def apply(src: Path, edits: list) -> str | None:
    for edit in edits:
        text = (src / edit["file"]).read_text()
        if (count := text.count(edit["find"])) != 1:
            return f"{edit['file']}: {count} times instead of once: {edit['find']!r}"
        (src / edit["file"]).write_text(text.replace(edit["find"], edit["replace"]))
    return None


def build(candidate: Path, env: dict) -> str | None:
    command = ["cargo", "build", "--release", "--locked", "--manifest-path", str(candidate / "Cargo.toml")]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    return done.stderr if done.returncode or "warning" in done.stderr else None


if __name__ == "__main__":
    sys.exit(main())
