"""Write the portraits that come with the package, from the folder that ``tools/rebuild_portraits.py`` writes.

python -m tools.portraits.built_in PORTRAITS gluon_wgan/data/portraits/portraits.zip
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from PIL import Image

from gluon_wgan.cli.runner import SentenceParser, run_tool

COUNT = 512
"""The first by name. A name is a hash, so that this order has nothing to do with what the images show."""
BOX, SIDE = (8, 8, 216, 216), 144
"""The plans' crop. Neither 64 nor 32 divides 144: OpenCV's bilinear filter would be its area filter at a half."""
QUALITY = 75


def reduced(path: Path) -> bytes:
    """Return one of the 224x224 portraits as a JPEG file of `SIDE` pixels."""
    file = io.BytesIO()
    with Image.open(path) as image:
        image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, BOX).save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()


def write(folder: Path, archive: Path) -> None:
    """Write the archive, whose members bear no dates, so that equal images make equal archives."""
    with ZipFile(archive, "x") as file:
        for path in sorted(folder.glob("*.jpg"))[:COUNT]:
            file.writestr(ZipInfo(path.name), reduced(path))


if __name__ == "__main__":
    parser = SentenceParser(prog="built_in.py", description="Write the portraits that come with the package.")
    parser.add_argument("portraits", metavar="PORTRAITS", type=Path, help="the 3,962 portraits")
    parser.add_argument("archive", metavar="ARCHIVE", type=Path, help="the ZIP file to write, which must not exist yet")
    arguments = parser.parse_args()
    sys.exit(run_tool(parser.prog, lambda: write(arguments.portraits, arguments.archive)))
