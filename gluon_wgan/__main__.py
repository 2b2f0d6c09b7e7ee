"""``python -m gluon_wgan``: the same as ``gluon-wgan``."""

import sys

if __name__ == "__main__":
    try:
        from gluon_wgan.cli.main import main
    except ImportError as error:
        print(f"gluon-wgan: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main())
