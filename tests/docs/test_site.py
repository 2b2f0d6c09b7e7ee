"""The site that ``make docs`` builds: nothing broken, nothing fetched, everything reachable, wide and narrow."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest

import gluon_wgan
from tests.docs.conftest import build_site
from tests.docs.markdown import REPOSITORY

pytestmark = pytest.mark.slow

# What a browser fetches by itself, as opposed to what a reader may follow.
FETCHED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
}
AROUND = """<body style="margin:0">{frames}<script>
window.addEventListener("load", () => {{
  document.title = JSON.stringify([...document.querySelectorAll("iframe")].map((frame) => {{
    const root = frame.contentDocument, body = root.body;
    const colour = (theme) => {{ body.dataset.theme = theme; return getComputedStyle(body).backgroundColor; }};
    // The theme hides what is too wide; only what scrolls by itself may be so: tables, code, signatures.
    const parts = [...root.querySelectorAll("h1, h2, p, li, img, .table-wrapper, .highlight, dt")];
    const held = (part) => part.closest("article") && !part.parentElement.closest(".table-wrapper, .highlight");
    const edges = parts.filter(held).map((part) => part.getBoundingClientRect().right);
    const right = Math.max(root.documentElement.scrollWidth, ...edges);
    return [right, colour("light"), colour("dark"), root.querySelector("h1").innerText];
  }}));
}});
</script>"""

SEARCHES = """<body>{frames}<script>
// Results appear one after the other.
window.addEventListener("load", () => setTimeout(() => {{
  document.title = JSON.stringify([...document.querySelectorAll("iframe")].map((frame) => {{
    const first = frame.contentDocument.querySelector("#search-results li a");
    return first && first.getAttribute("href");
  }}));
}}, 5000));
</script>"""


class Page(HTMLParser):
    """What a page of the site fetches, links to, and can be linked at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.add(values["id"])
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag in FETCHED and values.get(FETCHED[tag]):
            self.fetched.append(values[FETCHED[tag]])


def test_nothing_comes_from_a_network(site: Path) -> None:
    demo = site / "demo/page.html"
    assert Page(demo).fetched == []
    pages = sorted(set(site.rglob("*.html")) - {demo})
    assert len(pages) > 15
    for path in pages:
        fetched = Page(path).fetched
        assert len(fetched) > 5, path
        assert not [address for address in fetched if re.match(r"(https?:)?//", address)], path
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.findall(r"""(?:@import\s*|url\(\s*)["']?(?:https?:)?//""", text), sheet


def test_every_page_is_reached_from_the_first_and_every_link_arrives(site: Path) -> None:
    seen, left = {}, [site / "index.html"]
    while left:
        path = left.pop()
        page = seen[path] = Page(path)
        for link in page.links:
            target = (path.parent / link.partition("#")[0]).resolve() if not link.startswith("#") else path
            if re.match(r"[a-z]+:", link):
                continue
            assert target.exists(), f"{path.name}: {link}"
            if target.suffix == ".html" and target not in seen and target not in left:
                left.append(target)
    for path, page in seen.items():
        for link in page.links:
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            if anchor and target in seen:
                assert anchor in seen[target].ids, f"{path.name}: {link}"
    sources = {source.relative_to(REPOSITORY / "docs").with_suffix("") for source in REPOSITORY.glob("docs/**/*.md")}
    assert sources <= {path.relative_to(site).with_suffix("") for path in seen}


def test_files_outside_the_documents_are_carried(site: Path) -> None:
    carried = {path.name for path in (site / "_downloads").rglob("*") if path.is_file()}
    assert {"CHANGELOG.md", "LICENSE", "README.md"} <= carried


def test_public_names_have_an_entry(site: Path) -> None:
    ids = set().union(*(Page(path).ids for path in (site / "api").glob("*.html")))
    assert {f"gluon_wgan.{name}" for name in gluon_wgan.__all__} <= ids
    text = (site / "api/index.html").read_text(encoding="utf-8")
    assert "uint8 of the new size" in text


BROKEN = {
    "[a](none.md)": "none.md",
    "[a](#no-heading-here)": "no-heading-here",
    "[a](other.md#no-heading-there)": "no-heading-there",
    "[a](../none/outside.txt)": "none/outside.txt",
    "![a](none.png)": "none.png",
    "```{eval-rst}\n:func:`gluon_wgan.no_role`\n```": "gluon_wgan.no_role",
    "```{eval-rst}\n.. autofunction:: gluon_wgan.utils.seeding.no_function\n```": "no_function",
}


def test_broken_links_fail_the_build(tmp_path: Path) -> None:
    pages = tmp_path / "docs"
    pages.mkdir()
    (pages / "other.md").write_text("# Other\n")
    contents = "\n\n".join([*BROKEN, "```{toctree}\nother\n```\n"])
    (pages / "index.md").write_text(f"# First\n\n{contents}")
    done = build_site(pages, tmp_path)
    assert done.returncode != 0
    complaints = [line for line in done.stderr.splitlines() if "WARNING" in line]
    for wrong, said in BROKEN.items():
        assert any(said in line for line in complaints), wrong


# What readers look for, and the page that should come first.
QUESTIONS = {
    "GPU": "gpu.html",
    "CUDA": "gpu.html",
    "Windows": "faq.html",
    "Apple silicon": "faq.html",
    "resume": "faq.html",
    "out of memory": "faq.html",
    "NaN": "faq.html",
    "gray": "faq.html",
    "grayscale": "faq.html",
    "cite": "faq.html",
    "epsilon": "reproduction.html",
    "TensorBoard": "run_report.html",
    "tutorial": "tutorial.html",
    "load_generator": "api/index.html",
}


def test_search_finds_the_questions(site: Path, browse: Callable[..., str], tmp_path: Path) -> None:
    search = (site / "search.html").as_uri()
    frames = "".join(f'<iframe src="{search}?q={quote(words)}"></iframe>' for words in QUESTIONS)
    around = tmp_path / "around.html"
    around.write_text(SEARCHES.format(frames=frames))
    shown = browse(around, "--allow-file-access-from-files", "--virtual-time-budget=20000", "--dump-dom")
    [title] = re.findall(r"<title>(.*?)</title>", shown)
    first = [found and found.partition("#")[0] for found in json.loads(html.unescape(title))]
    assert dict(zip(QUESTIONS, first)) == QUESTIONS


def test_pages_fit_a_phone_and_a_screen_light_and_dark(site: Path, browse: Callable[..., str], tmp_path: Path) -> None:
    asked = [
        (name, width)
        for name in ("index", "tutorial", "demo", "faq", "architecture", "resize", "configuration", "api/training")
        for width in (390, 1200)
    ]
    frames = "".join(
        f'<iframe src="{(site / f"{name}.html").as_uri()}" style="width:{width}px;height:800px;border:0"></iframe>'
        for name, width in asked
    )
    around = tmp_path / "around.html"
    around.write_text(AROUND.format(frames=frames))
    flags = ("--allow-file-access-from-files", "--virtual-time-budget=8000", "--window-size=1300,900", "--dump-dom")
    [title] = re.findall(r"<title>(.*?)</title>", browse(around, *flags))
    told = json.loads(html.unescape(title))
    assert [page for page, (right, *_) in zip(asked, told) if not 300 < right <= page[1]] == []
    assert all(light != dark for _, light, dark, _ in told)
    assert told[0][3].startswith("gluon_wgan")
