"""Start a training run of several workers; ``--help`` lists the options.

python tools/launch.py -n 2 -s 2 -- python train_wgan.py --kvstore dist_sync
"""

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while modules are imported
    try:
        from gluon_wgan.cli.main import main
    except ImportError as error:
        print(f"launch.py: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(["launch", *sys.argv[1:]]))
