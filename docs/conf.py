"""How Sphinx builds the site from these pages: ``make docs``."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Optional

from sphinx.application import Sphinx

# The notebook's small networks gain nothing from a second thread, and with one they are the same at every build.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_wgan import __version__ as release  # noqa: E402

DEMO = "wgan_dcgan32_portraits"
DEMO_NOTE = (
    "Trained for 1,000 generator iterations on synthetic paintings by artflow.ai "
    "(github.com/initiative-sh/artflow-portraits), CC BY 4.0; the weights are CC BY 4.0 with the same attribution."
)

project = "gluon_wgan"

# MyST-NB brings the MyST parser with it.
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# The notebook is run at every build, in a folder of its own; with -W a cell that fails ends the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_show_tb = True
# Seconds for a cell: against one that hangs, not for a busy machine.
nb_execution_timeout = 1800
# What Jupyter leaves beside a notebook that somebody opened.
exclude_patterns = ["runs", ".ipynb_checkpoints"]

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


def write_demo(app: Sphinx, failure: Optional[Exception]) -> None:
    """Write the page that docs/demo.md shows."""
    if failure is not None or app.builder.format != "html" or not (Path(app.srcdir) / "demo.md").exists():
        return
    # Imported here because MXNet takes its time.
    from mxnet import cpu

    from gluon_wgan.generators.image_folder import ImageFolder
    from gluon_wgan.generators.load import open_generator
    from gluon_wgan.generators.sampler import Sampler
    from gluon_wgan.models.zoo import PRETRAINED
    from gluon_wgan.reports.generator_page import browser_layers, write_generator_page

    folder = Path(app.outdir) / "demo"
    folder.mkdir(exist_ok=True)
    trained = open_generator(PRETRAINED / DEMO)
    images = ImageFolder(trained, Sampler(trained.generator, "running", cpu()), 0, None, folder)
    write_generator_page(images, browser_layers(trained.generator), DEMO_NOTE)


def setup(app: Sphinx) -> None:
    """Take part in the build."""
    app.connect("source-read", carry_outside_files)
    app.connect("build-finished", write_demo)
