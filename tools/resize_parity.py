"""Compare resize backends on your own images; ``--help`` lists the options.

python tools/resize_parity.py PHOTOS --size 64
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
        print(f"resize_parity.py: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(["resize-parity", *sys.argv[1:]]))
