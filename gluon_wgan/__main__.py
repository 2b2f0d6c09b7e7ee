"""``python -m gluon_wgan``: the same as ``gluon-wgan``."""

import signal
import sys

if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while modules are imported
    try:
        from gluon_wgan.cli.main import main
    except ImportError as error:
        print(f"gluon-wgan: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main())
