"""Check that a GPU computes what training needs; ``--help`` lists the options.

python tools/gpu_check.py --gpus 0
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
        print(f"gpu_check.py: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(["gpu-check", *sys.argv[1:]]))
