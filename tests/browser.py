"""A browser to look at pages with; a conftest.py imports the fixture."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import skip_unless_ci

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., str]:
    """Return a function that opens a page in headless Chromium and returns what the flags make it print."""
    browser = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if browser is None:
        skip_unless_ci("no Chromium: install the package chromium")
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    still = "--disable-component-update --disable-sync --hide-scrollbars"

    def run(page: Path, *flags: str) -> str:
        profile = tmp_path / "profile"
        command = [
            browser,
            *quiet.split(),
            *still.split(),
            f"--user-data-dir={profile}",
            *flags,
            page.as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
