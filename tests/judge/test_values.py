"""The values beside a record: what is written is read back, and a broken file is refused by name."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_claims.judge.record import RecordError
from circuit_claims.judge.values import read_values, values_path, write_values

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)
six_digits = st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.6g}"))
tables = st.dictionaries(
    st.tuples(words, st.just("") | words),
    st.dictionaries(words, six_digits, min_size=1, max_size=4),
    max_size=5,
)


@settings(max_examples=min(50, settings.default.max_examples))
@given(tables)
def test_what_is_written_is_read_back(table):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "organism.toml"
        write_values(record, "abc", table, table)
        assert read_values(record, "abc") == table


def test_the_file_lies_beside_its_record_and_lists_of_pairs_are_written_once(tmp_path):
    record = tmp_path / "organism.smoke.toml"
    value = {"bowling-1": 0.123456789, "putt-1": 2.0}
    write_values(record, "abc", {("mlp/means", f"layer={n}"): value for n in range(3)}, _all(3))
    path = values_path(record)
    assert path.name == "organism.smoke.values.json"
    assert json.loads(path.read_text())["pairs"] == [["bowling-1", "putt-1"]]
    assert read_values(record, "abc")["mlp/means", "layer=2"]["bowling-1"] == 0.123457


def _all(count):
    return [("mlp/means", f"layer={n}") for n in range(count)]


def test_values_of_an_entry_that_is_gone_are_dropped_and_a_file_without_values_is_removed(tmp_path):
    record = tmp_path / "r.toml"
    values = {name: {"a": 1.0} for name in _all(3)}
    write_values(record, "abc", values, _all(2))
    assert set(read_values(record, "abc")) == set(_all(2))
    write_values(record, "abc", values, [])
    assert not values_path(record).exists()
    assert read_values(record, "abc") == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": 2, "weights": "abc", "pairs": [], "values": {}}',
        '{"schema": 1, "weights": "abc", "pairs": [["a"]], "values": {"k": {"p": [1, [1.0]]}}}',
        '{"schema": 1, "weights": "abc", "pairs": [["a"]], "values": {"k": {"p": [0, [1.0, 2.0]]}}}',
        '{"schema": 1, "weights": "abc", "pairs": [["a"]], "values": {"k": {"p": [0, [NaN]]}}}',
        '{"schema": 1, "weights": "abc", "pairs": [["a"]], "values": {"k": {"p": [0, ["1"]]}}}',
        '{"schema": 1, "weights": "abc", "pairs": [["a"]], "values": {"k": 3}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_table_of_values_is_refused_by_name(tmp_path, text):
    record = tmp_path / "r.toml"
    values_path(record).write_text(text)
    with pytest.raises(RecordError, match=r"r\.values\.json: is no table of values .* restore it"):
        read_values(record, "abc")


def test_values_of_other_weights_than_the_records_are_refused(tmp_path):
    record = tmp_path / "r.toml"
    write_values(record, "abc", {("k", ""): {"a": 1.0}}, [("k", "")])
    with pytest.raises(RecordError, match=r"of other weights \(abc\) than r\.toml \(def\)"):
        read_values(record, "def")
    assert read_values(record, ""), "a record that names no weights takes any"
