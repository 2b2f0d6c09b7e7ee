"""Every test module can be collected where PyTorch is not installed, as on Python 3.9."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.conftest import REPOSITORY

ABSENT = {"torch", "torchvision", "pytorch_fid", "torch_fidelity"}


@cache
def imports_at_load(path: Path) -> frozenset[str]:
    """Return the full names of the modules that a file imports when it is loaded, with those that they are in."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module, *(f"{node.module}.{name}" for name in names)]
        for name in names:
            parts = name.split(".")
            found |= {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
        waiting += ast.iter_child_nodes(node)
    return frozenset(found)


@cache
def reached(path: Path) -> frozenset[str]:
    """Return the modules that loading a file needs, through the files of this repository."""
    found: set[str] = set()
    waiting, seen = [path], {path}
    while waiting:
        for name in imports_at_load(waiting.pop()) - found:
            found.add(name)
            base = REPOSITORY.joinpath(*name.split("."))
            for file in (base.with_suffix(".py"), base / "__init__.py"):
                if file.is_file() and file not in seen:
                    seen.add(file)
                    waiting.append(file)
    return frozenset(found)


def test_the_walk_follows_imports() -> None:
    assert "torch" in reached(REPOSITORY / "tools" / "reference" / "networks.py")
    assert "gluon_wgan.config.train_config" in reached(
        REPOSITORY / "tests" / "tools" / "reference" / "test_comparison_cli.py"
    )


def test_no_test_module_needs_torch_to_be_loaded() -> None:
    files = sorted((REPOSITORY / "tests").rglob("*.py"))
    assert len(files) > 100
    assert {str(path): reached(path) & ABSENT for path in files if reached(path) & ABSENT} == {}
