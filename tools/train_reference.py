"""Train the PyTorch reference as train_wgan.py trains: ``python tools/train_reference.py --data STORE --device cuda``.

It takes train_wgan.py's options, needs no MXNet, and its checkpoints become MXNet's with tools/convert_weights.py.
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
        from tools.reference.runner.cli import main
    except ImportError as error:
        print(f"train_reference.py: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main())
