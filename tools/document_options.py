"""Write docs/configuration.md, and the table of presets in docs/fidelity.md, from the options themselves.

    python tools/document_options.py [--check]

With --check nothing is written, and the exit status is 1 when a page is out of date.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_wgan.cli.flags import REFERENCE_SWITCHES, REFERENCE_VALUES  # noqa: E402
from gluon_wgan.config.checks import flag_of  # noqa: E402
from gluon_wgan.config.presets import PRESETS  # noqa: E402
from gluon_wgan.config.train_config import (  # noqa: E402
    CADENCE,
    LENGTH,
    MACHINE,
    MATHS,
    PIXELS,
    TrainConfig,
    preset_config,
)

PAGE = ROOT / "docs" / "configuration.md"
FIDELITY = ROOT / "docs" / "fidelity.md"
BEGIN, END = "<!-- presets: begin -->\n", "<!-- presets: end -->\n"
# Options that decide the numbers of a run without being details of an algorithm, and the opposite.
NO_DETAIL = ("preset", "seed", "gpus", "net_g", "net_d")
OTHER_DETAILS = ("resize", "curve_filter", "sample_bn")
ON_RESUME = {
    MATHS: "refused",
    PIXELS: "allowed if the pixels stay the same",
    LENGTH: "allowed",
    CADENCE: "allowed",
    MACHINE: "allowed",
}
INTRODUCTION = """# Options

Made by `python tools/document_options.py` from `gluon_wgan/config/train_config.py`; change the options there.

`--resume RUN_DIR` continues a run. The last column says whether an option may then differ from the run's own:
what decides the numbers may not.

`--branch RUN_OR_CHECKPOINT` starts a new run from another run's newest checkpoint, or from an earlier one, with that
run's options but for those given beside it, of which any may differ. Weights, optimizer state, random numbers and the
order of the data go on from there as far as the options let them (without a change: bit for bit as the other run would
have gone on), and the log and `environment.json` say what did and what begins anew.
"""

TABLE_HEAD = "| flag | default | meaning | changed on resume |\n|---|---|---|---|\n"
SPELLINGS = """
## Spellings of the authors' code

`main.py`'s flags work as they stand in published commands.

| theirs | ours |
|---|---|
"""


def page() -> str:
    """Return the whole page as Markdown."""
    fields = dataclasses.fields(TrainConfig)
    parts = [INTRODUCTION]
    for group in dict.fromkeys(field.metadata["group"] for field in fields):
        parts.append(f"\n## {group.capitalize()}\n\n{TABLE_HEAD}")
        parts += [_row(field) for field in fields if field.metadata["group"] == group]
    parts.append("\n## Presets\n\nWhat each preset changes; every other option keeps its default.\n\n")
    parts.append("| preset | options |\n|---|---|\n")
    for name, values in PRESETS.items():
        listed = ", ".join(f"`{flag_of(key)} {value}`" for key, value in values.items())
        parts.append(f"| `{name}` | {listed or 'the defaults'} |\n")
    parts.append(SPELLINGS)
    parts += [f"| `{spelling}` | `{flag_of(name)}` |\n" for spelling, name in REFERENCE_VALUES.items()]
    for spelling, (name, value) in REFERENCE_SWITCHES.items():
        shown = flag_of(name) if value is True else f"{flag_of(name)} {_shown(value)}"
        parts.append(f"| `{spelling}` | `{shown}` |\n")
    parts.append("| `--ngpu N` | with `--cuda`: `--gpus 0,...,N-1` |\n")
    parts.append("| `--clamp_lower -X --clamp_upper X` | `--clip X` |\n")
    return "".join(parts)


def _row(field: dataclasses.Field) -> str:
    metadata = field.metadata
    choices = f" ({', '.join(metadata['choices'])})" if metadata["choices"] else ""
    default = "" if field.default is None or field.default == () else f"`{_shown(field.default)}`"
    # As code, so that no renderer makes one dash of two.
    meaning = re.sub(r"--[a-z][a-z0-9-]*", r"`\g<0>`", metadata["help"]) + choices
    cells = [f"`{flag_of(field.name)}`", default, meaning, ON_RESUME[metadata["kind"]]]
    return f"| {' | '.join(cells)} |\n"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value == ():
        return "none"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def preset_table() -> str:
    """Return the table of presets: a row for each detail of the algorithm in which two of them differ."""
    configs = {name: preset_config(name) for name in PRESETS}
    rows = [f"| detail | {' | '.join(f'`{name}`' for name in PRESETS)} |\n|---|{'---|' * len(PRESETS)}\n"]
    shared = []
    for field in dataclasses.fields(TrainConfig):
        if field.name in NO_DETAIL or (field.metadata["kind"] != MATHS and field.name not in OTHER_DETAILS):
            continue
        values = [getattr(config, field.name) for config in configs.values()]
        if len(set(values)) == 1:
            shared.append(f"`{flag_of(field.name)} {_shown(values[0])}`")
            continue
        # What differs from the default stands out.
        cells = [_shown(v) if v == field.default else f"**{_shown(v)}**" for v in values]
        rows.append(f"| `{flag_of(field.name)}` | {' | '.join(cells)} |\n")
    return f"{''.join(rows)}\nThe same in all presets: {', '.join(shared)}.\n"


def fidelity() -> str:
    """Return docs/fidelity.md with its table renewed; the prose around it is written by hand."""
    text = FIDELITY.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{preset_table()}{END}{after}"


def main() -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the pages are up to date")
    check = parser.parse_args().check
    for path, text in ((PAGE, page()), (FIDELITY, fidelity())):
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{path} is out of date: run python tools/document_options.py.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
