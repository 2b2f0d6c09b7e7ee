"""Filling of the report's page: hand-written prose, and blocks that only `tools/reproduce.py` writes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gluon_wgan.errors import UserError

_BLOCK = re.compile(r"<!-- (?P<name>[a-z-]+) -->\n.*?<!-- /(?P=name) -->", re.DOTALL)
_MISSING = "*Not in this plan.*"


def fill(page: str, blocks: Mapping[str, str]) -> str:
    """Return the page with every block between ``<!-- name -->`` and ``<!-- /name -->`` replaced.

    Parameters
    ----------
    page
        Markdown.
    blocks
        By name. A place for a block that is not among them says that the plan has no such runs.

    Raises
    ------
    UserError
        When the page has no place for a block, so that a number would be lost.
    """
    lost = sorted(set(blocks) - {match["name"] for match in _BLOCK.finditer(page)})
    if lost:
        raise UserError(
            f"The report has no place for {', '.join(lost)}: put <!-- {lost[0]} --> and <!-- /{lost[0]} --> into it."
        )

    def block(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- {name} -->\n{blocks.get(name, _MISSING)}\n<!-- /{name} -->"

    return _BLOCK.sub(block, page)
