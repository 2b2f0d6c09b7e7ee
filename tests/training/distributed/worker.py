"""One process that trains, alone or as one of several: ``python worker.py JOBS_JSON``.

A job has ``out``, ``contexts``, ``resume`` and ``options``, and in ``by_worker`` what is different for a worker; a
process of several workers takes one job.
"""

import json
import os
import signal
import sys
from typing import Any

from gluon_wgan.cli.train import DIVERGED
from gluon_wgan.config.train_config import TrainConfig, preset_config
from gluon_wgan.training.distributed.roles import LOST, ROLE, WORKER, serve


def config_of(job: dict[str, Any]) -> TrainConfig:
    own = job.get("by_worker", {}).get(os.environ.get("DMLC_WORKER_ID"), {})
    return preset_config(**{**job["options"], **({} if job["resume"] else {"out": job["out"]}), **own})


def main() -> int:
    jobs = json.loads(sys.argv[1])
    role = os.environ.get(ROLE)
    if role is not None and role != WORKER:
        config = config_of(jobs[0])
        return serve(role, "dist_sync", config.worker_timeout, config.start_timeout)
    import mxnet as mx

    import gluon_wgan
    from gluon_wgan.errors import UserError
    from gluon_wgan.training.exchange import PartnerLost
    from gluon_wgan.training.loop import Diverged
    from gluon_wgan.training.signals import Interrupted

    status = {PartnerLost: LOST, Diverged: DIVERGED, Interrupted: 128 + signal.SIGTERM}
    for job in jobs:
        devices = [mx.cpu(number) for number in range(job["contexts"])]
        try:
            gluon_wgan.train(
                config_of(job), resume=job["out"] if job["resume"] else None, contexts=devices, progress=False
            )
        except (PartnerLost, Interrupted, Diverged, UserError) as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(status.get(type(error), UserError.exit_status))
    return 0


if __name__ == "__main__":
    sys.exit(main())
