"""Time the data pipeline: preparing images, and taking batches, against a plain loop and two data loaders.

    python benchmarks/data_pipeline.py --images FOLDER [--memory]

Each contender runs in a process of its own; its clock starts when its libraries are loaded, and runs
while it lists files, starts its worker or helper processes and reads, and for preparing also
while it hashes, writes and flushes to the disk. The files are in memory before. Rounds alternate between the
contenders, so that a machine that slows down slows them all; ratios are taken round by round. ``cpu`` is
what all of a contender's processes computed, which other work on the machine hardly changes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Optional

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_wgan.data.sources import BuiltInSource  # noqa: E402

COPIES, MANY = 4, 50_000
PLAIN, OURS, GLUON, TORCH, BATCHES = "plain", "pil-bilinear:2", "gluon", "torch", "batches"
LOADERS = {GLUON: "gluon", "gluon-1": "gluon one-thread", TORCH: "torch"}
WORDS = {
    PLAIN: "plain Pillow loop, 1 process",
    "bare": "decoder and resize alone, 1 process",
    "pil-bilinear:1": "prepare, pil-bilinear, 1 process",
    OURS: "prepare, pil-bilinear, 2 processes",
    GLUON: "gluon DataLoader, 2 workers",
    "gluon-1": "the same, OMP_NUM_THREADS=1",
    TORCH: "torch DataLoader, 2 workers",
}
Run = dict[str, float]


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", help="images to prepare (default: the built-in portraits, four times)"
    )
    parser.add_argument("--rounds", type=int, default=8, help="how often everything is timed (default: 8)")
    parser.add_argument("--backends", default="pil-bicubic,cv2-bicubic,cv2-area", help="more backends to prepare with")
    parser.add_argument("--skip", default="", help="contenders to leave out, such as gluon,gluon-1,torch,batches")
    parser.add_argument("--memory", action="store_true", help="measure memory for 1,000 and 50,000 images instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        classes = Path(work) / "classes"
        classes.mkdir()
        if options.images is None:
            write_portraits(classes / "portraits")
        else:
            (classes / "all").symlink_to(options.images.resolve())
        if options.memory:
            compare_memory(classes)
        else:
            backends = [name for name in options.backends.split(",") if name]
            compare_speed(classes, options.rounds, backends, options.skip.split(","))


def write_portraits(folder: Path) -> None:
    """Write the built-in portraits several times, so that starting processes is not most of what is timed."""
    folder.mkdir()
    source = BuiltInSource()
    for index, name in enumerate(source.names):
        for copy in range(COPIES):
            (folder / f"{copy}-{name}").write_bytes(source.encoded(index))


def compare_speed(classes: Path, rounds: int, backends: list[str], skip: list[str]) -> None:
    """Print how long preparing takes, and how fast batches come."""
    words = dict(WORDS)
    for backend in backends:
        words |= {f"{backend}:{jobs}": f"prepare, {backend}, {jobs} process{'es' * (jobs > 1)}" for jobs in (1, 2)}
    words = {name: title for name, title in words.items() if name not in skip or name == PLAIN}
    run(PLAIN, classes)  # so that every round finds the files in memory
    runs: dict[str, list[Run]] = {name: [] for name in [*words, *({BATCHES} - {*skip})]}
    folders = dict.fromkeys(runs, classes) | ({} if BATCHES in skip else {BATCHES: make_store(classes)})
    for turn in range(rounds):
        for name in runs:
            runs[name].append(run(name, folders[name], turn))
    print(f"{int(runs[PLAIN][0]['images']):,} images to 64x64, {rounds} rounds: median (lowest to highest)")
    print(f"  {'':36}  {'seconds':>22} {'cpu s':>7} {'images/s':>10}   {'x the plain loop':>20}   {'in cpu time':>20}")
    for name, title in words.items():
        ratios = "   ".join(f"{ratio(runs[PLAIN], runs[name], clock):>20}" for clock in ("seconds", "cpu"))
        print(f"  {title:36}  {times(runs[name])}   {ratios}")
    loaders = {name: title for name, title in LOADERS.items() if name in words}
    for name, title in loaders.items() if OURS in words else ():
        print(f"  prepare with 2 processes against the {title} loader {ratio(runs[name], runs[OURS])}")
    if BATCHES in runs:
        print("batches of 64 from a warm store")
        print(f"  {'batch stream':36}  {times(runs[BATCHES])}")
        for name, title in loaders.items():
            print(f"  against the {title} loader {ratio(runs[name], runs[BATCHES], digits=0)}")


def make_store(classes: Path) -> Path:
    """Prepare the images once, beside them, for the batches."""
    store = classes.parent / "store"
    command = [sys.executable, str(ROOT / "tools" / "prepare_data.py"), str(classes), "--out", str(store)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return store


def compare_memory(classes: Path) -> None:
    """Print the peak memory of preparing 1,000 and 50,000 images, which are the same ones over and over."""
    (only,) = classes.iterdir()
    each = sum(1 for path in only.iterdir() if path.is_file())
    for copy in range(1, -(-MANY // each)):
        (classes / f"copy-{copy}").symlink_to(only.resolve())
    print("peak resident memory, 2 processes: this one, its helper")
    for count in (1000, 10_000, MANY):
        took = run(OURS, classes, 0, count)
        print(
            f"  {int(took['images']):7,} images  {took['peak_mib']:5.0f} MiB  {took['helper_peak_mib']:5.0f} MiB"
            f"  {took['images'] / took['seconds']:7,.0f} images/s"
        )


def run(name: str, folder: Path, turn: int = 0, limit: Optional[int] = None) -> Run:
    """Run a contender once, in a process of its own."""
    words = [name, str(folder), str(turn), *([] if limit is None else [str(limit)])]
    command = [sys.executable, str(ROOT / "benchmarks" / "data_contenders.py"), *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def times(runs: list[Run]) -> str:
    """Return the seconds of some runs, what they computed, and the images a second."""
    seconds = [one["seconds"] for one in runs]
    spread = f"({min(seconds):.2f} to {max(seconds):.2f})"
    rate = median(one["images"] / one["seconds"] for one in runs)
    return f"{median(seconds):7.2f} {spread:>15} {median(one['cpu'] for one in runs):7.2f} {rate:10,.0f}"


def ratio(base: list[Run], other: list[Run], clock: str = "seconds", digits: int = 2) -> str:
    """Return how many times as fast the other is, in images a second of a clock, round by round."""
    rates = [(theirs["images"] / theirs[clock]) / (ours["images"] / ours[clock]) for ours, theirs in zip(base, other)]
    return f"{median(rates):.{digits}f} ({min(rates):.{digits}f} to {max(rates):.{digits}f})"


if __name__ == "__main__":
    main()
