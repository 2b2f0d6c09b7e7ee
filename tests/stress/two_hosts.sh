#!/usr/bin/env bash
# Train across two network namespaces whose link carries 1 Gbit/s, then cut the link. Needs root, ip and tc.
#
#     tests/stress/two_hosts.sh IMAGES
#
# Prints the exit statuses of a whole run and of one whose link goes down, whether the whole run's weights are those
# of one process with two devices, and how long the processes took to end after the link went down.
set -u
cd "$(dirname "$0")/../.."
images=$(realpath "${1:?name a folder of images}")
work=$(mktemp -d)
cleanup() {
    ip netns del near 2>/dev/null
    ip netns del far 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT

ip netns add near && ip netns add far || exit 1
ip link add link0 netns near type veth peer name link0 netns far
for side in near:10.77.0.1 far:10.77.0.2; do
    ip -n "${side%:*}" addr add "${side#*:}/24" dev link0
    ip -n "${side%:*}" link set lo up
    ip -n "${side%:*}" link set link0 up
    ip netns exec "${side%:*}" tc qdisc add dev link0 root tbf rate 1gbit burst 256kb latency 50ms
done

python=${PYTHON:-.venv/bin/python}
command="$python train_wgan.py --kvstore dist_sync --worker-timeout 5 --data-root $images --cache-dir $work/cache --jobs 1
    --image-size 32 --ngf 16 --ndf 16 --warmup-iters 0 --boost-every 0 --n-critic 2 --sample-every 100000"
export OMP_NUM_THREADS=1 DMLC_PS_ROOT_URI=10.77.0.1 DMLC_PS_ROOT_PORT=9191 DMLC_NUM_WORKER=2 DMLC_NUM_SERVER=1

start() { # run, generator iterations
    local words="--out $work/$1 --gen-iters $2"
    DMLC_NODE_HOST=10.77.0.1 DMLC_ROLE=scheduler ip netns exec near $command > "$work/$1.scheduler" 2>&1 & scheduler=$!
    DMLC_NODE_HOST=10.77.0.1 DMLC_ROLE=server ip netns exec near $command > "$work/$1.server" 2>&1 & server=$!
    DMLC_NODE_HOST=10.77.0.1 DMLC_ROLE=worker DMLC_WORKER_ID=0 ip netns exec near $command $words > "$work/$1.worker0" 2>&1 & worker0=$!
    DMLC_NODE_HOST=10.77.0.2 DMLC_ROLE=worker DMLC_WORKER_ID=1 ip netns exec far $command $words > "$work/$1.worker1" 2>&1 & worker1=$!
}
statuses() {
    local status
    for name in worker0 worker1 server scheduler; do
        wait "${!name}"
        status=$?
        echo "$1: $name ended with $status: $(tr '\r' '\n' < "$work/$1.$name" | tail -n 1)"
    done
}

start whole 30
statuses whole
env -u DMLC_PS_ROOT_URI "$python" - "$work" << 'EOF'
import sys
from pathlib import Path

import gluon_wgan
from mxnet import cpu
from gluon_wgan.config.train_config import read_config

work = Path(sys.argv[1])
config = read_config(work / "whole" / "config.json").replace(kvstore=None, out=str(work / "alone"))
gluon_wgan.train(config, contexts=[cpu(0), cpu(1)], progress=False)
files = [sorted((max((work / run / "checkpoints").glob("iter_*"))).glob("*.params")) for run in ("whole", "alone")]
same = [one.name == other.name and one.read_bytes() == other.read_bytes() for one, other in zip(*files)]
print(f"whole: {sum(same)} of {len(same)} files of weights and optimisers equal those of one process")
EOF

start cut 100000
until [ -f "$work/cut/metrics.csv" ] && [ "$(wc -l < "$work/cut/metrics.csv")" -gt 5 ]; do sleep 0.2; done
ip -n far link set link0 down
SECONDS=0
statuses cut
echo "cut: all ended within $SECONDS s of the link's end"
