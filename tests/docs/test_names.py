"""Files, modules and names of the code that the documents mention exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.docs.markdown import PAGES, REPOSITORY, tokens

_PATH = re.compile(r"(?<![\w/.~-])(?:gluon_wgan|tools|tests|benchmarks|docs|plans)/[\w./-]*\w/?")
_NAME = re.compile(r"(?<![\w/.-])gluon_wgan(?:\.[A-Za-z_]\w*)+")
# A file whose folder the sentence around it names.
_FILE = re.compile(r"(?<![\w/.-])[a-z_]\w*\.py(?!\w)")
_FOLDER = re.compile(r"(?<![\w/.-])(?:[a-z_]\w*/)+(?:[a-z_]\w*\.py)?(?![\w.])")
# Files of the authors' code, of StyleGAN, and of PyTorch and MXNet, which the documents compare with.
OF_OTHERS = {"main.py", "generate.py", "dataset_tool.py", "download.py", "rmsprop.py", "image.py"}


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def importable(name: str) -> bool:
    """Return whether a dotted name is a module or something that a module holds."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def exists(path: str) -> bool:
    """Return whether a path of the repository exists; a module may be named without its suffix."""
    return (REPOSITORY / path).exists() or (REPOSITORY / f"{path}.py").exists()


def stale(text: str) -> list[str]:
    """Return the paths and names of this repository in a text that lead nowhere."""
    paths = [path.rstrip(".") for path in _PATH.findall(text)]
    return [path for path in paths if not exists(path)] + [name for name in _NAME.findall(text) if not importable(name)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_and_names_exist(page: Path) -> None:
    assert stale(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_named_without_a_folder_exist(page: Path) -> None:
    folders = ("gluon_wgan", "tools", "tests", "benchmarks", "docs")
    files = {path.name for folder in folders for path in (REPOSITORY / folder).rglob("*.py")}
    files |= {path.name for path in REPOSITORY.glob("*.py")}
    code = "\n".join(token.content for token in tokens(page) if token.type in ("code_inline", "fence"))
    assert set(_FILE.findall(code)) - files - OF_OTHERS == set()


def test_the_architecture_page_names_folders_that_exist() -> None:
    page = REPOSITORY / "docs" / "architecture.md"
    code = "\n".join(token.content for token in tokens(page) if token.type in ("code_inline", "fence"))
    named = set(_FOLDER.findall(code))
    assert len(named) > 10
    roots = (REPOSITORY, REPOSITORY / "gluon_wgan", REPOSITORY / "gluon_wgan" / "data")
    assert [path for path in named if not any((root / path).exists() for root in roots)] == []


def test_every_folder_of_the_package_is_on_the_architecture_page() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in (REPOSITORY / "gluon_wgan").glob("*/__init__.py")}
    assert len(folders) > 8
    assert [name for name in folders if f"{name}/" not in text] == []


def test_what_does_not_exist_is_found() -> None:
    text = "`gluon_wgan/pages/`, gluon_wgan/utils/locks.py. `gluon_wgan.train`, gluon_wgan.utils.nothing, tools/x.py"
    assert stale(text) == ["gluon_wgan/pages/", "tools/x.py", "gluon_wgan.utils.nothing"]
