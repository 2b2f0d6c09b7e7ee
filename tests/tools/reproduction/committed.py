"""Whether a page of the report is what its own result files give."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

from tools.reproduction.blocks import fill
from tools.reproduction.drawing import MAX_BYTES
from tools.reproduction.exploration import write
from tools.reproduction.exploration.material import Material
from tools.reproduction.plan import Plan
from tools.reproduction.results import Results, read_rows


def check_page(page: Path, plan: Plan) -> dict[str, str]:
    """Assert that every block and image of a page is there and follows from the files; return the blocks."""
    folder = page.with_suffix("")
    with (folder / "runs.csv").open(newline="", encoding="utf-8") as file:
        _, *lines = csv.reader(file)
    runs = [[line[0], *map(int, line[1:5]), *line[5:]] for line in lines]
    about = json.loads((folder / "surroundings.json").read_text(encoding="utf-8"))
    material = Material(plan, Results(read_rows(folder / "results.csv")), {}, {}, [], folder)
    blocks = write.tables(material, about, runs)
    text = page.read_text(encoding="utf-8")
    assert fill(text, blocks) == text
    shown = set(re.findall(rf"\]\({folder.name}/([^)]+)\)", text))
    images = {path.name for path in folder.iterdir() if path.suffix in (".svg", ".png")}
    assert shown & {name for name in shown if name.endswith((".svg", ".png"))} == images
    assert all((folder / name).is_file() and (folder / name).stat().st_size <= MAX_BYTES for name in shown)
    return blocks
