"""A browser to look at pages with; a conftest.py imports the fixture."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import skip_unless_ci

# The pages' own policy lets no other script run in them, so they are looked at from a page around them.
AROUND = """<body style="margin:0"><iframe src="{src}" style="border:0;width:{width}px;height:2400px"></iframe><script>
const frame = document.querySelector("iframe");
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
frame.addEventListener("load", async () => {{
  const page = frame.contentWindow, root = frame.contentDocument;
  const all = (selector) => [...root.querySelectorAll(selector)];
  const one = (selector) => root.querySelector(selector);
  const mouse = (plot, type, x) => {{
    const box = plot.getBoundingClientRect();
    const where = {{ clientX: box.left + x, clientY: box.top + 50, movementX: 1, bubbles: true }};
    plot.dispatchEvent(new page.MouseEvent(type, where));
  }};
  const touch = (plot, type, x) => {{
    const box = plot.getBoundingClientRect();
    const where = {{ clientX: box.left + x, clientY: box.top + 50, bubbles: true, pointerType: "touch" }};
    plot.dispatchEvent(new page.PointerEvent(type, where));
  }};
  const key = (name) => root.dispatchEvent(new page.KeyboardEvent("keydown", {{ key: name, bubbles: true }}));
  let told;
  try {{
    await wait(200);
    told = await (async () => {{ {code} }})();
  }} catch (error) {{
    told = String(error);
  }}
  document.title = JSON.stringify(told);
}});
</script>"""
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


@pytest.fixture
def ask(browse: Callable[..., str], tmp_path: Path) -> Callable[..., Any]:
    """Return a function that runs code around a page and returns what the code returns."""

    def run(page: Path, code: str, width: int = 1200) -> Any:
        around = tmp_path / "around.html"
        around.write_text(AROUND.format(src=page.as_uri(), code=code, width=width))
        flags = (
            "--allow-file-access-from-files",
            "--virtual-time-budget=8000",
            "--window-size=1300,2500",
            "--dump-dom",
        )
        shown = browse(around, *flags)
        found = re.search("<title>(.*?)</title>", shown, re.DOTALL)
        assert found, shown[:500]
        return json.loads(html.unescape(found[1]))

    return run
