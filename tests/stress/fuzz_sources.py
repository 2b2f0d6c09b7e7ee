"""Damage containers of every kind at random and see that each is refused in a sentence or read as far as it is good.

    python tests/stress/fuzz_sources.py [--cases 2000] [--seed 0] [--only N]

A case is one container with some bytes flipped, cut off, inserted, removed, zeroed or replaced by extreme numbers.
It fails if anything but a UserError that names the file comes out of opening it, anything but BadImage comes out of
reading an image, it takes too long, or an image that the damage did not touch is neither read as it was nor named.
"""

from __future__ import annotations

import argparse
import faulthandler
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from gluon_wgan.data.decode import BadImage  # noqa: E402
from gluon_wgan.data.sources import source_of  # noqa: E402
from gluon_wgan.errors import UserError  # noqa: E402
from tests.stress.valid_files import Span, ValidFile, valid_files  # noqa: E402

SECONDS_PER_CASE = 20
MEMORY = 6 << 30


@dataclass
class Outcome:
    """What came of a case: `refused`, `partly` or `whole`, and what is wrong with that, if anything."""

    result: str
    fault: str = ""
    bad: int = 0


def damage(content: bytes, rng: np.random.Generator) -> tuple[bytes, list[Span]]:
    """Return damaged bytes, and which of the old bytes are no longer what and where they were."""
    # Headers stand at the beginning, directories at the end.
    near = [rng.integers(len(content)), rng.integers(min(600, len(content))), -rng.integers(1, min(600, len(content)))]
    place = int(rng.choice(near)) % len(content)
    width = int(rng.choice([1, 2, 4, 8, 64, 512]))
    kind = rng.integers(7)
    if kind == 0:
        return content[:place], [(place, len(content))]
    if kind == 1:
        return content[:place] + rng.bytes(width) + content[place:], [(place, len(content))]
    if kind == 2:
        return content[:place] + content[place + width :], [(place, len(content))]
    new = bytearray(content)
    if kind in (3, 4):
        places = [place, *rng.integers(0, len(content), rng.integers(4)).tolist()]
        for one in places:
            new[one] ^= 1 << int(rng.integers(8))
        return bytes(new), [(one, one + 1) for one in places]
    word = [bytes(width), b"\xff" * width, (b"\xff" * (width - 1) + b"\x7f"), rng.bytes(width)][rng.integers(4)]
    new[place : place + width] = word[: len(content) - place]
    return bytes(new), [(place, place + width)]


def damage_and_read(valid: ValidFile, name: str, number: int, seed: int, folder: Path) -> Outcome:
    """Damage a copy of a valid file and see what becomes of it."""
    rng = np.random.default_rng([seed, number])
    copy = folder / f"case-{number}" / valid.root.name
    if valid.root.is_dir():
        shutil.copytree(valid.root, copy)
        file = copy / valid.file.relative_to(valid.root)
    else:
        _copy_with_companions(valid.root, copy)
        file = copy.with_name(valid.file.name)
    content, touched = damage(file.read_bytes(), rng)
    file.write_bytes(content)
    try:
        return _look(valid, copy, file, touched, folder / f"case-{number}" / "cache")
    finally:
        shutil.rmtree(folder / f"case-{number}")


def _copy_with_companions(path: Path, copy: Path) -> None:
    copy.parent.mkdir()
    for companion in path.parent.iterdir() if path.suffix in (".rec", ".csv") else [path]:
        (shutil.copytree if companion.is_dir() else shutil.copy)(companion, copy.parent / companion.name)


def _look(valid: ValidFile, copy: Path, file: Path, touched: list[Span], cache: Path) -> Outcome:
    try:
        source = source_of(valid.kind, copy, cache)
        source.identity()
    except UserError as error:
        sentence = str(error)
        named = str(file) in sentence or str(copy) in sentence or file.name in sentence
        is_one = "\n" not in sentence and sentence.endswith(".")
        return Outcome("refused", "" if named and is_one else f"says only {sentence!r}")
    read: Counter[bytes] = Counter()
    bad = 0
    for index in range(len(source)):
        try:
            read[_key(source.read(index, 3))] += 1
        except BadImage as error:
            bad += 1
            if not str(error) or not source.names[index]:
                return Outcome("partly", f"image {index} is bad without a name or reason")
    return Outcome("partly" if bad else "whole", _missed(valid, touched, read, bad), bad)


def _missed(valid: ValidFile, touched: list[Span], read: Counter[bytes], bad: int) -> str:
    """Return what is wrong if images are missing that the damage did not touch, or an empty string."""
    images = [_key(image) for image in valid.images]
    if valid.checked:
        return "" if all(read[image] for image in images) and not bad else "a checksum was not heeded"
    spans = valid.spans
    hit = [any(start < end and low < end and start < high for low, high in touched) for start, end in spans]
    missing = sum(not read[image] for image, is_hit in zip(images, hit) if not is_hit)
    # Bytes that belong to several images may take as many with them as there are places, or make them bad.
    inside = all(any(start <= low and high <= end for start, end in spans) for low, high in touched)
    allowed = 0 if inside else bad + len(touched)
    return f"{missing} untouched images are missing" if missing > allowed else ""


def _key(image: np.ndarray) -> bytes:
    return repr(image.shape).encode() + image.tobytes()


def run(
    cases: Iterable[int], seed: int, folder: Path, report: Callable[[int, str, Outcome], None]
) -> dict[str, Counter[str]]:
    """Run the cases of these numbers, kinds by turns, and return for each kind how often each outcome came."""
    (folder / "sound").mkdir()
    kinds = list(valid_files(folder / "sound"))
    counts: dict[str, Counter[str]] = {name: Counter() for name, _ in kinds}
    for number in cases:
        name, valid = kinds[number % len(kinds)]
        signal.alarm(SECONDS_PER_CASE)
        try:
            outcome = damage_and_read(valid, name, number, seed, folder)
        except Exception as error:
            outcome = Outcome("raised", f"{type(error).__name__}: {error}")
        signal.alarm(0)
        counts[name][outcome.result] += 1
        counts[name]["bad images"] += outcome.bad
        if outcome.fault:
            counts[name]["FAULTS"] += 1
            report(number, name, outcome)
    return counts


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"more than {SECONDS_PER_CASE} seconds")


def main(argv: Optional[list[str]] = None) -> int:
    """Run the cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="N", help="do one case again")
    arguments = parser.parse_args(argv)
    faulthandler.enable()
    # So that a trap for memory is an error and not a dead machine.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory() as folder:
        counts = run(
            range(arguments.cases) if arguments.only is None else [arguments.only],
            arguments.seed,
            Path(folder),
            lambda number, name, outcome: print(
                f"container {number} ({name}): {outcome.result}: {outcome.fault}", flush=True
            ),
        )
    columns = ("refused", "partly", "whole", "bad images", "FAULTS", "raised")
    print(f"{'kind':16}" + "".join(f"{column:>12}" for column in columns))
    total: Counter[str] = Counter()
    for name, count in counts.items():
        total.update(count)
        print(f"{name:16}" + "".join(f"{count[column]:12}" for column in columns))
    print(f"{'all':16}" + "".join(f"{total[column]:12}" for column in columns))
    return 1 if total["FAULTS"] else 0


if __name__ == "__main__":
    sys.exit(main())
