"""One process of a run of several workers: ``python worker.py RUN_DIR CONTEXTS RESUME OPTIONS_JSON``."""

import json
import os
import sys

from gluon_wgan.config.train_config import TrainConfig, preset_config
from gluon_wgan.training.distributed.roles import LOST, ROLE, WORKER, serve


def main() -> int:
    out, contexts, resume, options = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1", json.loads(sys.argv[4])
    preset = options.pop("preset")
    config: TrainConfig = preset_config(preset, **options, **({} if resume else {"out": out}))
    role = os.environ.get(ROLE)
    if role is not None and role != WORKER:
        return serve(role, "dist_sync", config.worker_timeout, config.start_timeout)
    import mxnet as mx

    import gluon_wgan

    devices = [mx.cpu(number) for number in range(contexts)]
    from gluon_wgan.training.exchange import PartnerLost

    try:
        gluon_wgan.train(config, resume=out if resume else None, contexts=devices, progress=False)
    except PartnerLost as lost:
        print(lost, file=sys.stderr, flush=True)
        os._exit(LOST)
    return 0


if __name__ == "__main__":
    sys.exit(main())
