"""Planted circuits as sources: names, fingerprints, what they import, and what refuses to be written."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from circuit_claims.models.load import fingerprint
from circuit_claims.models.source import ModelError
from circuit_claims.organisms.planted import PLANTED, build, planted_source, weights
from circuit_claims.organisms.planted.circuit import LABELS
from circuit_claims.organisms.planted.parts import FEATURES, Head, Linear


def test_names_can_be_typed_in_a_shell_and_as_a_file() -> None:
    assert all(
        name == name.lower() and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in PLANTED
    )
    assert all(circuit.name == name and circuit.summary.endswith(".") for name, circuit in PLANTED.items())


def test_a_source_goes_by_its_name_with_or_without_prefix() -> None:
    source = planted_source("composes-5")
    assert source.name == planted_source("planted:composes-5").name == "planted:composes-5"
    assert source.is_trained
    with pytest.raises(ModelError, match=r"planted:composes-7: no such circuit.*composes-5"):
        planted_source("composes-7")


def test_every_circuit_has_a_fingerprint_of_its_own_and_keeps_it() -> None:
    prints = {name: fingerprint(planted_source(name)) for name in PLANTED}
    assert len(set(prints.values())) == len(PLANTED)
    assert prints == {name: fingerprint(planted_source(name)) for name in PLANTED}


def test_a_model_is_the_same_each_time_and_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    first, second = build("hydra").state_dict(), build("hydra").state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(value, second[key]) for key, value in first.items())


def test_a_layer_without_room_is_refused() -> None:
    too_many = [Linear(3, feature, "z", 1.0) for feature in FEATURES]
    with pytest.raises(ValueError, match="MLP 3 has 16 neurons, and the circuit asks for 36"):
        weights.build(too_many, {}, LABELS)
    with pytest.raises(ValueError, match="attention 2 has 12 heads, and the circuit asks for 13"):
        weights.build([Head(2, "tag_a", "lum", "a", 1.0)] * 13, {}, LABELS)


def test_naming_the_circuits_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from circuit_claims.organisms.planted import PLANTED, planted_source; "
        "planted_source('hydra'); [c.recovery for c in PLANTED.values()]; "
        "print(sorted({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
