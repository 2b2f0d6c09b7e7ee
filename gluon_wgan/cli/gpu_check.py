"""Command-line interface of gpu-check."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan import __version__
from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program
from gluon_wgan.devices import parse_gpus
from gluon_wgan.errors import UserError
from gluon_wgan.gpu_check.parts import PARTS, check, table

DESCRIPTION = """Check that a GPU, its driver and its libraries compute what training needs, part by part, each in
processes of its own:

{parts}

    python tools/gpu_check.py --gpus 0 --out gpu.json      # then send gpu.json
    python tools/gpu_check.py --gpus ''                    # the same on the CPU

exit status: 0 every part passes; 1 one fails; 2 bad input
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the parts that the command line names and return the exit status."""
    parts = "\n".join(f"    {letter}  {part.title}" for letter, part in PARTS.items())
    parser = SentenceParser(prog=program("gpu-check"), description=DESCRIPTION.format(parts=parts))
    parser.add_argument("--gpus", default="0", metavar="N,...", help="GPUs to check (default: 0); '' is the CPU")
    parser.add_argument("--parts", default="".join(PARTS), metavar="LETTERS", help="which parts (default: all)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a new JSON file for the results")
    arguments = parser.parse_args(argv)
    return run_tool(program("gpu-check"), lambda: run_parts(arguments))


def run_parts(arguments: argparse.Namespace) -> int:
    """Run the parts, print their tables and PASS or FAIL, write the file, and return 0 or 1."""
    gpus = parse_gpus(arguments.gpus)
    unknown = sorted(set(arguments.parts) - set(PARTS))
    if unknown or not arguments.parts:
        raise UserError(f"--parts has {''.join(unknown) or 'nothing'}: use letters of {''.join(PARTS)}.")
    if arguments.out is not None and arguments.out.exists():
        raise UserError(f"--out {arguments.out} exists: name a new file.")
    if arguments.out is not None and not arguments.out.absolute().parent.is_dir():
        raise UserError(f"--out {arguments.out} is in no folder: make {arguments.out.parent} first.")
    results = {}
    for letter in dict.fromkeys(arguments.parts):
        results[letter] = check(letter, gpus)
        for line in table(letter, results[letter]):
            print(line, flush=True)
    ok = all(result["ok"] for result in results.values())
    if arguments.out is not None:
        report = {"gluon_wgan": __version__, "gpus": list(gpus), "ok": ok, "parts": results}
        with open(arguments.out, "x", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
    print("PASS" if ok else "FAIL")
    return 0 if ok else 1
