"""Train a Wasserstein GAN: ``python train_wgan.py --gpus 0 --resize pil``; ``--help`` lists the options."""

import signal
import sys

if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while modules are imported
    try:
        from gluon_wgan.cli.main import main
    except ImportError as error:
        print(f"train_wgan.py: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(["train", *sys.argv[1:]]))
