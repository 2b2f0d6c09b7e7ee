"""The style that every page of the project shares."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent

COLOURS = (HERE / "colours.css").read_text(encoding="utf-8")
"""The colours, light and dark, as CSS variables; figures in files of their own need them too."""

BASE = (HERE / "base.css").read_text(encoding="utf-8")
"""Type, tables, cards and how they fold on a narrow screen."""
