"""Damage single files of every other kind that is read, and see that each is read or refused in a sentence."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
from PIL import Image

from gluon_wgan.data.decode import BadImage, decode
from gluon_wgan.data.store import open_store
from gluon_wgan.data.store_writer import read_journal
from gluon_wgan.errors import UserError
from gluon_wgan.interop.torch_files import read_state_dict
from gluon_wgan.metrics.face_rate import SIDE, FaceFinder
from gluon_wgan.metrics.fid import holds_statistics, read_statistics
from gluon_wgan.metrics.image_sets import read_array
from tests.stress import commands
from tests.stress.fuzz_sources import damage
from tools.reproduction.plan import read_plan

TINY = ["--dataset", "built-in", "--limit", "16", "--image-size", "16", "--batch-size", "8", "--ngf", "4"]
TINY += ["--ndf", "4", "--nz", "4", "--warmup-iters", "0", "--sample-every", "2"]
HOSTILE = (
    *(b"[" * 100_000, b"9" * 400, b"NaN", b"1e999", b"-1", b"true", b"null", b'"\\ud800"', b'"\\u0000"', b"{}", b"[]"),
    *(b'""', b'"' + b"x" * 140_000 + b'"', b"5.5", b"inf", b",", b"\0" * 64, b"\xff\xfe", b'"\\u001b[2J"', b"../../x"),
)


@dataclass(frozen=True)
class Kind:
    """A file to damage and what reads it.

    Attributes
    ----------
    name
        For the table.
    root
        What is copied for a case.
    file
        The file in it to damage, relative to it.
    read
        Takes the copy of ``root``.
    """

    name: str
    root: Path
    file: str
    read: Callable[[Path], Any]


def prepare_folder(folder: Path) -> None:
    """Make the sound files in a folder, with the real commands."""
    run, store = folder / "run", folder / "store"
    _do(["train_wgan.py", *TINY, "--gen-iters", "3", "--checkpoint-every", "2", "--out", str(run)], folder)
    _do(["tools/prepare_data.py", *TINY[:6], "--out", str(store)], folder)
    _do(["tools/evaluate.py", str(run), "--metrics", "swd", "--num", "16"])
    pixels = np.random.default_rng(0).integers(0, 256, (24, 31, 3), dtype=np.uint8)
    for suffix in ("jpg", "png", "webp", "bmp", "gif", "tiff", "ppm", "jp2"):
        Image.fromarray(pixels).save(folder / f"image.{suffix}")
    shutil.copy(commands.ROOT / "plans" / "quick.toml", folder / "plan.toml")
    journal = {"key": "k", "made_from": {}, "per_shard": 1, "kept": 0, "skipped": 0, "shards": [], "files": {}}
    (folder / "partial").mkdir()
    (folder / "partial" / "progress.json").write_text(json.dumps(journal))
    shutil.copy(
        Path(cv2.__file__).parent / "data" / "haarcascade_license_plate_rus_16stages.xml", folder / "cascade.xml"
    )
    np.savez_compressed(folder / "statistics.npz", mu=np.zeros(8), sigma=np.eye(8))
    np.savez_compressed(folder / "samples.npz", pixels.repeat(16, axis=0).reshape(16, 24, 31, 3))
    for part in ("1", "2"):
        words = ["tools/prepare_data.py", *TINY[:6], "--part", f"{part}/2", "--out", str(folder / "parts" / part)]
        _do([*words], folder)
    with contextlib.suppress(ImportError):
        import torch

        torch.save({"main.weight": torch.zeros(3, 4), "main.bias": torch.ones(3)}, folder / "weights.pth")
        for source, target in (("run", "authors"), ("authors", "converted")):
            _do(["tools/convert_weights.py", str(folder / source), str(folder / target)])
    with contextlib.suppress(ImportError):
        import safetensors  # noqa: F401

        words = ["tools/export_model.py", str(run), "--format", "safetensors", "--out", str(folder / "exported")]
        _do([*words])


def _do(words: list[str], folder: Optional[Path] = None) -> None:
    """Run a command, with its cache in a folder."""
    words = [*words, "--cache-dir", str(folder / "cache")] if folder is not None else words
    with tempfile.NamedTemporaryFile() as errors:
        status, _ = commands.run(words, Path(errors.name))
        if status:
            raise RuntimeError(f"{words} failed: {errors.read()[-500:].decode()}")


def digest(folder: Path) -> str:
    """Return the SHA-256 of the names and contents of all files below a folder."""
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        whole.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return whole.hexdigest()


def kinds_in(folder: Path) -> list[Kind]:
    """Return every kind whose sound file `prepare_folder` has made."""
    found = [Kind(path.suffix[1:], path, "", _decode) for path in sorted(folder.glob("image.*"))]
    run, store = folder / "run", folder / "store"
    newest = max(run.glob("checkpoints/iter_*")).relative_to(run)
    for name in ("config.json", "environment.json", "data.json", "metrics.csv", "evaluation.jsonl"):
        found.append(Kind(f"{name} in a page", run, name, _page))
    for name in ("config.json", "evaluation.jsonl"):
        found.append(Kind(f"{name} in a comparison", run, name, _compare))
    found.append(Kind("config.json in images drawn", run, "config.json", _generate))
    found.append(Kind("data.json in an evaluation", run, "data.json", _evaluate))
    found.append(Kind("config.json in a resume", run, "config.json", _resume))
    found.append(Kind("metrics.csv in a resume", run, "metrics.csv", _resume))
    for name in ("state.json", "manifest.json"):
        found.append(Kind(f"{name} in a resume", run, str(newest / name), _rehashed(newest, _resume)))
    for name in ("generator.params", "generator.json"):
        found.append(Kind(f"{name} in an export", run, str(newest / name), _rehashed(newest, _export)))
    found.append(Kind("critic.params in a resume", run, str(newest / "critic.params"), _rehashed(newest, _resume)))
    found.append(Kind("FID statistics", folder / "statistics.npz", "", _statistics))
    found.append(Kind("samples in an .npz", folder / "samples.npz", "", read_array))
    found.append(Kind("cascade", folder / "cascade.xml", "", _count_faces))
    for name in ("store.json", "skipped.csv", "names.bin", "names.i64"):
        found.append(Kind(f"{name} of a store", store, name, _open_store))
    found.append(Kind("progress.json", folder / "partial", "progress.json", read_journal))
    found.append(Kind("plan", folder / "plan.toml", "", read_plan))
    found.append(Kind("store.json of a part", folder / "parts", "1/store.json", _join))
    if (folder / "weights.pth").exists():
        found.append(Kind(".pth", folder / "weights.pth", "", read_state_dict))
        pth = next((folder / "authors").glob("netG_*.pth")).name
        for name in ("generator_config.json", pth):
            found.append(Kind(f"{name} in a conversion", folder / "authors", name, _convert))
        found.append(Kind("torch.json", folder / "converted", "torch.json", _rehashed(Path(), _convert)))
    if (folder / "exported").exists():
        found.append(Kind(".safetensors", folder / "exported", "generator.safetensors", _load))
    return found


def make_worker(folder: str, seed: int) -> Callable[[int], tuple[str, str, str]]:
    """Return what does a case by its number: its kind, ``read`` or ``refused``, and what is wrong, if anything."""
    kinds = kinds_in(Path(folder))

    def work(number: int) -> tuple[str, str, str]:
        kind = kinds[number % len(kinds)]
        copy = Path(folder) / f"case-{number}" / kind.root.name
        copy.parent.mkdir()
        (shutil.copytree if kind.root.is_dir() else shutil.copy)(kind.root, copy)
        file = copy / kind.file if kind.file else copy
        if number >= 0:  # the others show that what is sound is read
            file.write_bytes(_damaged(file, np.random.default_rng([seed, number])))
        try:
            return (kind.name, *_outcome(kind, copy))
        finally:
            shutil.rmtree(copy.parent)

    return work


def _outcome(kind: Kind, copy: Path) -> tuple[str, str]:
    try:
        kind.read(copy)
    except (UserError, BadImage) as error:
        sentence = str(error)
        bad = isinstance(error, UserError) and ("\n" in sentence or not sentence.endswith("."))
        return "refused", f"says {sentence!r}" if bad or not sentence else ""
    except Exception as error:
        return "raised", f"{type(error).__name__}: {str(error)[:200]}"
    return "read", ""


def _damaged(file: Path, rng: np.random.Generator) -> bytes:
    content = file.read_bytes()
    if not content or file.suffix not in (".json", ".jsonl", ".csv", ".toml") or rng.integers(2):
        return damage(content or b"\0", rng)[0]
    starts = [place for place, byte in enumerate(content) if byte in b" :,\n"] or [0]
    start = int(rng.choice(starts)) + 1
    end = next((place for place in range(start, len(content)) if content[place] in b",\n}]"), len(content))
    return content[:start] + HOSTILE[int(rng.integers(len(HOSTILE)))] + content[end:]


def _rehashed(checkpoint: Path, read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Give a checkpoint a manifest that fits before it is read, as somebody who means harm would."""

    def do(run: Path) -> Any:
        folder, manifest = run / checkpoint, run / checkpoint / "manifest.json"
        # A damaged manifest may name what is not there.
        with contextlib.suppress(OSError, ValueError, AttributeError, RecursionError):
            named = json.loads(manifest.read_bytes())
            hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in named}
            manifest.write_text(json.dumps(hashes))
        return read(run)

    return do


def _decode(path: Path) -> None:
    decode(path, 3)


def _statistics(path: Path) -> None:
    if not holds_statistics(path):
        raise UserError("No statistics.")
    read_statistics(path)


def _count_faces(path: Path) -> None:
    finder = FaceFinder(str(path))
    try:
        finder._faces(np.zeros((1, SIDE, SIDE), np.uint8))
    finally:
        assert finder._process is not None
        finder._process.close()


def _open_store(path: Path) -> None:
    store = open_store(path)
    assert len(list(store.names)) == len(store) and store.skipped is not None
    store.verify()


def _tool(main: Callable[[list[str]], int], words: list[str]) -> None:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = main(words)
        except SystemExit as stop:
            status = int(stop.code or 0)
    lines = said.getvalue().strip().splitlines()
    if status == 1 and lines and "the state is saved" in lines[-1]:
        return  # weights were read whose loss is NaN
    if status == 2:
        raise UserError(lines[-1] if lines else "")
    if status:
        raise RuntimeError(f"status {status}: {lines[-1:]}")


def _page(run: Path) -> None:
    from gluon_wgan.cli.report import main

    _tool(main, [str(run)])


def _compare(run: Path) -> None:
    from gluon_wgan.cli.compare import main

    _tool(main, [str(run), "--redraw", "--out", str(run.parent / "page.html")])


def _generate(run: Path) -> None:
    from gluon_wgan.cli.generate import main

    _tool(main, [str(run), "--num", "2", "--out", str(run.parent / "drawn")])


def _evaluate(run: Path) -> None:
    from gluon_wgan.cli.evaluate import main

    _tool(main, [str(run), "--metrics", "swd", "--num", "16"])


def _convert(folder: Path) -> None:
    from gluon_wgan.cli.convert import main

    _tool(main, [str(folder), str(folder.parent / "made")])


def _join(folder: Path) -> None:
    from gluon_wgan.cli.prepare import main

    _tool(main, ["--join", str(folder / "1"), str(folder / "2"), "--out", str(folder / "joined")])


def _load(folder: Path) -> None:
    from gluon_wgan import load_generator

    load_generator(folder / "generator.safetensors")


def _resume(run: Path) -> None:
    from gluon_wgan.cli.train import main

    _tool(main, ["--resume", str(run), "--gen-iters", "4", "--cache-dir", str(run.parents[1] / "cache")])


def _export(run: Path) -> None:
    from gluon_wgan.cli.export import main

    _tool(main, [str(run), "--format", "gluon", "--out", str(run.parent / "exported")])
