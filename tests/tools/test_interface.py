"""The tools use what the package offers, none of its names with an underscore."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import REPOSITORY


def private_names(source: str) -> Iterator[str]:
    """Yield what a file takes from gluon_wgan under a name that begins with one underscore."""
    tree, ours = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gluon_wgan"):
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (part for part in parts if part.startswith("_") and not part.startswith("__"))
            ours |= {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            named = [alias for alias in node.names if alias.name.startswith("gluon_wgan")]
            yield from (part for alias in named for part in alias.name.split(".") if part.startswith("_"))
            ours |= {(alias.asname or alias.name).split(".")[0] for alias in named}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner: ast.expr = node.value
            while isinstance(owner, (ast.Attribute, ast.Call)):
                owner = owner.value if isinstance(owner, ast.Attribute) else owner.func
            if isinstance(owner, ast.Name) and owner.id in ours:
                yield node.attr


def files() -> list[Path]:
    return sorted(path for folder in ("tools", "benchmarks") for path in (REPOSITORY / folder).rglob("*.py"))


def test_tools_use_no_private_names_of_the_package() -> None:
    assert len(files()) > 60
    assert {str(path): found for path in files() if (found := list(private_names(path.read_text("utf-8"))))} == {}


def test_private_names_are_found() -> None:
    source = (
        "from gluon_wgan.a import _b, c\nimport gluon_wgan._d as e\nfrom gluon_wgan import f\nf._g(c(1).x._h, self._i)"
    )
    assert sorted(private_names(source)) == ["_b", "_d", "_g", "_h"]


def test_the_package_imports_nothing_of_the_tools() -> None:
    for path in (REPOSITORY / "gluon_wgan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] in ("tools", "tests", "benchmarks")], path
