"""Train gluon_wgan and an independent PyTorch WGAN side by side; ``--help`` lists the options.

python tools/compare_with_pytorch.py --preset reference wgan-gp --out runs/trajectory
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
        from tools.reference.comparison.cli import main
    except ImportError as error:
        print(f"compare_with_pytorch.py: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main())
