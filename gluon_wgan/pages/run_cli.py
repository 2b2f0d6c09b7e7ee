"""``tools/run_report.py``: a run's page, written by hand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan.errors import UserError
from gluon_wgan.flags import SentenceParser
from gluon_wgan.pages.run_page import RunPage
from gluon_wgan.run.directory import RunDirectory

BAD_INPUT, CTRL_C = 2, 130
DESCRIPTION = """Write RUN_DIR/report.html, which training writes at every sample: curves, pictures, options, data.

    python tools/run_report.py runs/0001
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Write the page that the command line names and return the exit status: 0, or 2 for bad input.

    Parameters
    ----------
    argv
        The words after the program's name; None takes them from ``sys.argv``.
    """
    parser = SentenceParser(
        prog="run_report.py",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="a run directory; training may still be under way")
    arguments = parser.parse_args(argv)
    try:
        print(f"Wrote {RunPage(RunDirectory(arguments.run)).write()}")
    except UserError as error:
        print(f"run_report.py: {error}", file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        reason = error.strerror or error
        print(f"run_report.py: Cannot write into {arguments.run} ({reason}): mend its permissions.", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("run_report.py: Stopped.", file=sys.stderr)
        return CTRL_C
    return 0
