"""Section on DCGAN, WGAN and WGAN-GP, at equal critic steps and at equal time."""

from __future__ import annotations

from gluon_wgan.training import schedule
from tools.reproduction.drawing import COLOURS, label_lines, new_figure, save_panels, save_svg
from tools.reproduction.effects import words
from tools.reproduction.evaluation import draw_samples
from tools.reproduction.exploration.material import BASE, Material
from tools.reproduction.markdown import image, table
from tools.reproduction.plan import NO_STORE, Run

OTHERS = ("dcgan", "wgan-gp")
CURVES, SAMPLES = "objective-curves.svg", "objective-samples.png"
_SHOWN = 32


def tables(material: Material) -> dict[str, str]:
    """Return the tables of this section, and its figures' places."""
    runs = material.runs([BASE, *OTHERS])
    if len(runs) < 2:
        return {}
    curves = "SWD to held-out images of all seeds, by critic steps and by training time at the measured pace"
    return {
        "objective-table": _table(material, runs),
        "objective-pace": _pace(material, runs),
        "objective-curves": image(CURVES, material.address, curves),
        "objective-samples": image(SAMPLES, material.address, "Samples from the same noise, seed 0"),
    }


def draw(material: Material) -> None:
    """Draw the figures of this section."""
    runs = material.runs([BASE, *OTHERS])
    if len(runs) < 2:
        return
    _draw_curves(material, runs)
    panels = [
        (f"{run.what}, {iteration:,} iterations, {label}", draw_samples(material.task(run.name), iteration, _SHOWN))
        for run in runs
        for label, iteration in (("equal steps", run.moments[-1]), ("equal time", equal_time(material, run)))
    ]
    save_panels(material.folder / SAMPLES, panels)


def equal_time(material: Material, run: Run) -> int:
    """Return the iteration at which a run has used the time that comes nearest to that of the base run's end."""
    wanted = material.results.value(BASE, "training_s", material.end)
    return min(
        run.moments, key=lambda iteration: abs(material.results.value(run.name, "training_s", iteration) - wanted)
    )


def _table(material: Material, runs: list[Run]) -> str:
    head = [
        "",
        "compared at",
        "generator iterations",
        "critic steps",
        "training time, s",
        "SWD",
        "difference",
        "Frechet",
        "difference",
    ]
    rows = []
    for run in runs:
        for label, iteration in (("equal critic steps", run.moments[-1]), ("equal time", equal_time(material, run))):
            if run.name == BASE and label == "equal time":
                continue
            steps = schedule.critic_steps_until(iteration, run.config(run.seeds[0], NO_STORE))
            cells = [run.what, "" if run.name == BASE else label, f"{iteration:,}", f"{steps:,}"]
            cells.append(f"{material.results.value(run.name, 'training_s', iteration):.0f}")
            for quantity in ("swd", "frechet"):
                apart = (
                    ""
                    if run.name == BASE
                    else words(material.against_base(run.name, quantity, iteration), 3, sign=True)
                )
                cells += [words(material.mean(run.name, quantity, iteration)), apart]
            rows.append(cells)
    return table(head, rows)


def _pace(material: Material, runs: list[Run]) -> str:
    head = ["", "critic step, ms", "generator step, ms"]
    rows = []
    for run in runs:
        paces = (material.results.value(run.name, f"{net}_step_ms", run.moments[-1]) for net in ("critic", "generator"))
        rows.append([run.what, *(f"{pace:.1f}" for pace in paces)])
    return table(head, rows)


def _draw_curves(material: Material, runs: list[Run]) -> None:
    figure, (by_steps, by_time) = new_figure(2)
    ends = []
    for run, colour in zip(runs, COLOURS):
        config = run.config(run.seeds[0], NO_STORE)
        for seed in run.seeds:
            moments, values = material.results.curve(run.name, "swd", seed)
            steps = [schedule.critic_steps_until(iteration, config) for iteration in moments]
            seconds = [material.results.value(run.name, "training_s", iteration) for iteration in moments]
            by_steps.plot(steps, values, ".-", color=colour, linewidth=1)
            by_time.plot(seconds, values, ".-", color=colour, linewidth=1)
        ends.append((run.what, colour, material.mean(run.name, "swd").value))
    by_steps.set_xlabel("critic steps")
    by_time.set_xlabel("training time, s")
    by_steps.set_ylabel("SWD to held-out images")
    label_lines(by_steps, ends)
    save_svg(figure, material.folder / CURVES)
