"""The pair of tables of published model libraries: all runs under one protocol, and published values beside ours."""

from __future__ import annotations

from tools.reproduction.effects import of_few, words
from tools.reproduction.evaluation import BASELINE_RESIZE
from tools.reproduction.exploration.material import BASE, Material
from tools.reproduction.markdown import table

PENALISED = "wgan-gp"
# Lucic et al. 2018, "Are GANs created equal?", table 2: the best FID of a search, and its spread over seeds.
_CELEBA = {BASE: (41.3, 2.0), PENALISED: (30.0, 1.0)}


def tables(material: Material) -> dict[str, str]:
    """Return both tables."""
    found = {"baselines": _baselines(material)}
    if PENALISED in material.plan.runs:
        found["reproducibility"] = _reproducibility(material)
    return found


def _baselines(material: Material) -> str:
    real = f"data-{BASELINE_RESIZE}"
    baseline = [f"{material.results.value(real, quantity, 0):.3g}" for quantity in ("swd", "frechet")]
    rows = [["real training images", "", "", *baseline]]
    for run in material.plan.runs.values():
        values = (words(material.mean(run.name, quantity)) for quantity in ("swd", "frechet"))
        rows.append([run.what, f"{run.moments[-1]:,}", str(len(run.seeds)), *values])
    return table(["", "generator iterations", "seeds", "SWD", "Frechet, random features"], rows)


def _reproducibility(material: Material) -> str:
    ours = {name: material.results.by_seed(name, "frechet", material.plan.runs[name].moments[-1]) for name in _CELEBA}
    ratio = of_few(
        [ours[PENALISED][seed] / ours[BASE][seed] for seed in sorted(ours[BASE].keys() & ours[PENALISED].keys())]
    )
    head = ["what", "published", "their protocol", "ours", "our protocol"]
    theirs = "ratio of two FIDs: Inception features, CelebA 64x64, photographs"
    size = f"{material.plan.image_size}x{material.plan.image_size}"
    mine = f"ratio of two Frechet distances: random features, {size}, equal critic steps, pairs of seeds"
    published = _CELEBA[PENALISED][0] / _CELEBA[BASE][0]
    return table(head, [["WGAN-GP / WGAN", f"{published:.2f}", theirs, words(ratio), mine]])
