"""How Sphinx builds the site from these pages: ``make docs``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_wgan import __version__ as release  # noqa: E402

project = "gluon_wgan"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# Links to headings, as deep as any page has them, under the names that repository hosts give them.
myst_heading_anchors = 4

# A role that names a function, a method or a module must find it. Types are left out: most are NumPy's or
# MXNet's, and a site that works without a network cannot look those up.
nitpicky = True
nitpick_ignore_regex = [("py:(class|exc|obj)", ".*")]
# Docstrings write `name` for code, as Markdown does.
default_role = "code"

autodoc_member_order = "bysource"
# Docstrings do not repeat the types, so signatures show them, a parameter a line where one line is too long.
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# A block says its language or has none.
highlight_language = "none"

html_theme = "furo"
html_title = f"gluon_wgan {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "native"


def carry_outside_files(app: Sphinx, page: str, source: list[str]) -> None:
    """Mark links from a page to files outside this folder, such as ``../CHANGELOG.md``, for the site to carry them."""
    here = (Path(app.srcdir) / page).parent

    def mark(match: re.Match[str]) -> str:
        inside = Path(app.srcdir).resolve() in (here / match[1]).resolve().parents
        return match[0] if inside else f"](path:{match[1]})"

    source[0] = re.sub(r"\]\((\.\./[^)#\s]+)[^)\s]*\)", mark, source[0])


def setup(app: Sphinx) -> None:
    """Take part in the build."""
    app.connect("source-read", carry_outside_files)
