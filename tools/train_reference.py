"""Train the PyTorch reference as train_wgan.py trains: ``python tools/train_reference.py --data STORE --device cuda``.

It takes train_wgan.py's options, needs no MXNet, and its checkpoints become MXNet's with tools/convert_weights.py.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

if __name__ == "__main__":
    try:
        from tools.reference_run.cli import main
    except ImportError as error:
        print(f"train_reference.py: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main())
