import subprocess
import sys
from pathlib import Path

import pytest

from circuit_claims.models.source import ModelError, ModelSource, parse_source

PLANTED = ModelSource(name="planted:late", build=lambda: None, build_fingerprint="late v1")
EMBEDDED = {
    "organism": Path("weights/organism"),
    "organism-outcome": Path("w/outcome"),
    "planted:late": PLANTED,
}


def test_embedded_names_come_through_the_mapping() -> None:
    assert parse_source("organism", EMBEDDED) == ModelSource(
        name="organism", location=Path("weights/organism")
    )
    assert parse_source("planted:late", EMBEDDED) is PLANTED


def test_replaced_weights_keep_the_place_of_the_trained_ones() -> None:
    source = parse_source("shuffled:organism#101", EMBEDDED)
    assert (source.location, source.reinit) == (Path("weights/organism"), ("shuffled", 101))
    assert source.name == source.record_name == "shuffled:organism#101"
    assert not source.is_trained
    assert parse_source("random:planted:late#3", EMBEDDED).build is PLANTED.build


def test_a_hub_name_may_have_a_revision_that_its_record_leaves_out() -> None:
    source = parse_source("google/vivit-b-16x2-kinetics400@refs/pr/3")
    assert source.location == "google/vivit-b-16x2-kinetics400"
    assert source.revision == "refs/pr/3"
    assert source.record_name == "google--vivit-b-16x2-kinetics400"


def test_a_folder_takes_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "my-vivit").mkdir()
    source = parse_source(str(tmp_path / "my-vivit"))
    assert source.location == tmp_path / "my-vivit"
    assert source.record_name == "my-vivit"
    assert parse_source(f"random:{tmp_path}/my-vivit#7").record_name == "random:my-vivit#7"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("organsm", "did you mean organism"),
        ("", "models of the package are organism, organism-outcome, planted:late"),
        ("random:organism", "write random:organism#1"),
        ("random:organism#x", "write random:organism#1"),
        ("random:#3", "needs a model and a seed"),
        ("random:shuffled:organism#1#2", "replaced its weights already"),
        ("google/vivit@", "write google/vivit or google/vivit@REVISION"),
        ("random:organsm#3", "did you mean organism"),
    ],
)
def test_an_error_says_what_to_write(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        parse_source(name, EMBEDDED)


def test_a_source_is_a_place_or_a_builder_and_a_builder_says_what_it_builds() -> None:
    with pytest.raises(ValueError, match="either a location or a build"):
        ModelSource(name="x")
    with pytest.raises(ValueError, match="build_fingerprint"):
        ModelSource(name="x", build=lambda: None)


def test_naming_models_and_reading_the_store_import_no_torch() -> None:
    light = ["models.source", "models.checkpoint", "models.sites"]
    light += ["measure.recovery", "measure.results", "measure.store", "measure.errors"]
    program = (
        f"import sys\nfor name in {light}:\n    __import__('circuit_claims.' + name)\n"
        "print(sorted({'torch', 'numpy', 'scipy', 'transformers'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
