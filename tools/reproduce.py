"""Train what a plan names, evaluate it, and write the reproduction report; ``--help`` lists the options.

python tools/reproduce.py --plan quick
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
        from tools.reproduction.cli import main
    except ImportError as error:
        print(f"reproduce.py: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main())
