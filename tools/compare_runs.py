"""Compare runs in a table and on a page; ``--help`` lists the options.

python tools/compare_runs.py runs/0001 runs/0002
"""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while modules are imported
    try:
        from gluon_wgan.cli.main import main
    except ImportError as error:
        print(f"compare_runs.py: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(["compare", *sys.argv[1:]]))
