"""What the system says of the processor, against numpy, which asks the processor itself."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from gluon_wgan.utils import processor


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/cpuinfo is Linux'")
def test_the_instruction_sets_are_those_that_numpy_finds() -> None:
    features = np.core._multiarray_umath.__cpu_features__
    names = {"AVX2": "avx2", "AVX512F": "avx512f", "SSE42": "sse4_2", "FMA3": "fma", "POPCNT": "popcnt"}
    found = {name for feature, name in names.items() if features[feature]}
    assert processor.instruction_sets() & set(names.values()) == found


def test_a_system_that_says_nothing_has_no_known_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(processor.Path, "read_text", refuse)
    assert processor.instruction_sets() == frozenset() and isinstance(processor.model_name(), str)
