"""Prepare images for training, once, into a store; ``--help`` lists the options.

python tools/prepare_data.py IMAGES --out STORE --image-size 64 --resize pil
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
        print(f"prepare_data.py: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(["prepare", *sys.argv[1:]]))
