"""``MODEL_CARD.md``: what an exported generator is, written from its run directory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.config.train_config import overridden_fields
from gluon_wgan.data.sources.built_in import ATTRIBUTION, BuiltInSource
from gluon_wgan.generators.load import LoadedGenerator
from gluon_wgan.runs.checkpoints import STATE
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.evaluations import newest
from gluon_wgan.runs.run_record import RunRecord
from gluon_wgan.utils.text import markdown_text
from gluon_wgan.utils.untrusted import object_or_empty

CARD = "MODEL_CARD.md"
# Where files lie and how much of a machine was used say nothing of a model, and may be nobody's business.
_PRIVATE = {"data_root", "data", "cache_dir", "out", "branch", "net_g", "net_d"}

# What model hubs read; whoever publishes the weights fills in the licence.
_HEADER = """---
library_name: mxnet
pipeline_tag: unconditional-image-generation
license: other
tags:
- gan
- wasserstein-gan
- gluon
---"""


def model_card(
    trained: LoadedGenerator, use: str, statistics: str, files: dict[str, str], agreement: str, images: Optional[str]
) -> str:
    """Return the card's text, in Markdown.

    Parameters
    ----------
    use
        How to load the files, as code.
    files
        Names of the exported files, with their SHA-256.
    images
        Name of the run's last sample grid beside the card, if there is one.
    """
    config = trained.config
    count = sum(int(p.data().size) for p in trained.generator.collect_params().values() if p.grad_req != "null")
    kind = "multilayer perceptron" if config.mlp_g else f"{config.arch} generator"
    last = "" if images is None else f"\n\n![Samples of the run]({images})\n\nThe run's samples at this checkpoint."
    latents = "N(0, 1)" if config.latent == "normal" else "the uniform distribution over [-1, 1]"
    channels = "one channel (gray)" if config.nc == 1 else "three channels (RGB)"
    beyond = " and a little beyond" if config.mlp_g else ""
    parts = [
        _HEADER,
        f"# A {kind} for images of {config.image_size}x{config.image_size} pixels",
        f"Maps {config.nz} numbers from {latents} to an image of {channels}, with values "
        f"from -1 (black) to 1 (white){beyond}. {count:,} trained numbers. Made with gluon_wgan in Apache MXNet Gluon.",
        "![Images drawn from this generator](samples.png)\n\nThe first images of seed 0, drawn as exported. "
        f"{statistics}{last}",
        f"## How to use it\n\n```python\n{use}\n```\n\nValues become bytes by `(images + 1) * 127.5`, rounded and "
        "cut to 0 .. 255.",
        f"## Data and licence\n\n{_data(trained.run)}",
        f"## Training\n\n{_training(trained)}",
        f"## Metrics\n\n{_metrics(trained.run)}",
        "## Limits\n\nIt draws images like those that it was trained on, with their biases, and nothing else. Whether "
        "it repeats training images has to be looked at: `tools/generate.py RUN_DIR --neighbours 6 --out FOLDER`.",
        f"## Files\n\n{_table(('file', 'SHA-256'), files.items())}\n\nFrom a checkpoint whose generator has the "
        f"SHA-256 `{trained.sha256}`. {agreement}",
    ]
    return "\n\n".join(parts) + "\n"


def _data(run: Optional[Path]) -> str:
    unknown = "**To be filled in:** whose images they are, their licence, and the licence of these weights."
    data = {} if run is None else object_or_empty(RunDirectory(run).data_file)
    made: dict[str, Any] = data["made_from"] if isinstance(data.get("made_from"), dict) else {}
    if not made:
        return f"Nothing is recorded about the training images.\n\n{unknown}"
    source = made.get("source", {})
    rows = [
        ("images", f"{data.get('images', '?'):,}" if isinstance(data.get("images"), int) else "?"),
        ("kind of source", _source(source)),
        ("resized with", made.get("resize")),
        ("cut out before", made.get("crop") or "nothing"),
        *[(words, made[name]) for name, words in (("fit", "fit"), ("bit_depth", "bit depth")) if made.get(name)],
        ("SHA-256 of the pixels", f"`{data.get('content_sha256')}`"),
    ]
    if _source(source).startswith(BuiltInSource.kind):
        unknown = f"{ATTRIBUTION} **To be filled in:** the licence of these weights."
    return f"{_table(('training images', ''), rows)}\n\n{unknown}"


def _source(source: Any) -> str:
    if not isinstance(source, dict):
        return "?"
    inner = source.get("of")
    return f"{_source(inner)}, a part of it" if inner is not None else str(source.get("kind", "?"))


def _training(trained: LoadedGenerator) -> str:
    if trained.run is None or trained.folder is None:
        return "Nothing is recorded: the weights come from no run directory."
    config, state = trained.config, object_or_empty(trained.folder / STATE)
    rows = [
        ("preset", config.preset),
        ("objective", config.objective),
        ("generator iterations", state.get("gen_iter")),
        ("critic steps in all", state.get("critic_steps")),
        ("images in a batch", config.batch_size),
        ("seed", config.seed),
    ]
    rows += [(name, getattr(config, name)) for name in overridden_fields(config) if name not in _PRIVATE]
    environment = object_or_empty(RunDirectory(trained.run).environment_file)
    libraries = environment.get("libraries")
    if isinstance(libraries, dict):
        rows.append(("libraries", ", ".join(f"{name} {version}" for name, version in libraries.items())))
    rows.append(("commit of gluon_wgan", environment.get("git_commit") or "?"))
    return _table(("option", "value"), dict(rows).items())


def _metrics(run: Optional[Path]) -> str:
    lines = [] if run is None else RunRecord(RunDirectory(run)).evaluations()[0]
    if not lines:
        return "None yet: `tools/evaluate.py` measures a run."
    values = list(newest(lines).values())
    shared = set(values[0].protocol).intersection(*(value.protocol for value in values))
    rows = [
        (one.metric, one.value, one.interval, one.baseline, one.checkpoint, _words(one.protocol, without=shared))
        for one in values
    ]
    table = _table(("metric", "value", "interval", "baseline", "checkpoint", "protocol"), rows)
    common = _words(values[0].protocol, without=set(values[0].protocol) - shared)
    baseline = "The baseline is the same metric of real images alone."
    shared_by_all = f" Of all of them: {markdown_text(common)}." if common and len(values) > 1 else ""
    return f"{table}\n\n{baseline}{shared_by_all}"


def _words(protocol: Iterable[tuple[str, str]], without: set[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {text}" for name, text in protocol if (name, text) not in without)


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(markdown_text(str(value)) for value in line) + " |" for line in lines)
