"""Records: what is written is read back, a person's words stay, and a broken file is refused by name."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_claims.judge.record import (
    Entry,
    RecordError,
    read_record,
    record_path,
    write_record,
    write_whole,
)
from circuit_claims.judge.tolerance import numeric_tolerance
from circuit_claims.types import Kind, Outcome

SUPPORTED, REFUTED, INCONCLUSIVE = Outcome.SUPPORTED, Outcome.REFUTED, Outcome.INCONCLUSIVE
MLP = Entry(REFUTED, "value", 0.5123, 0.5301, 0.005)
WRITTEN = """\
# Reviewed in March.
schema = 1
model = "organism"
clips = "abc"

[noted]
torch = "2.13.0"

# The MLPs come first, because the paper's first edition leads with them.
[claims."mlp-42/means"]
verdict = "refuted"
why = "value"
estimate = 0.5123
bound = 0.5301
tolerance = 0.005
reason = "the organism writes the outcome by attention"

[claims."mlp-42/means".parts]
"layer=4" = { verdict = "supported", estimate = 0.61 } # the only one

[claims."attn-37/reproduces"]
verdict = "supported"
estimate = 0.4
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "organism.toml"
    file.write_text(WRITTEN)
    return file


def write(path: Path, *findings: tuple[str, str, Entry], **how: bool) -> int:
    return write_record(
        path, model="organism", clips="abc", noted={"torch": "2.13.0"}, findings=findings, **how
    )


# Reading and writing ------------------------------------------------------------------------------------


def test_reading_finds_claims_and_their_parts(path):
    record = read_record(path)
    assert (record.model, record.clips, record.noted) == ("organism", "abc", {"torch": "2.13.0"})
    assert record.entries == {
        ("mlp-42/means", ""): Entry(
            REFUTED, "value", 0.5123, 0.5301, 0.005, "the organism writes the outcome by attention"
        ),
        ("mlp-42/means", "layer=4"): Entry(SUPPORTED, estimate=0.61),
        ("attn-37/reproduces", ""): Entry(SUPPORTED, estimate=0.4),
    }


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
keys = st.builds("{}/{}".format, words, st.sampled_from([str(kind) for kind in Kind]))
six_digits = st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.6g}"))
entries = st.builds(
    Entry,
    st.sampled_from([SUPPORTED, REFUTED, INCONCLUSIVE, Outcome.ARTIFACT, Outcome.NOT_APPLICABLE]),
    st.sampled_from(["", "value", "specificity"]),
    st.none() | six_digits,
    st.none() | six_digits,
    st.none() | st.floats(0, 1).map(lambda x: float(f"{x:.6g}")),
)


@settings(max_examples=min(50, settings.default.max_examples))
@given(
    claims=st.dictionaries(keys, st.tuples(entries, st.dictionaries(words, entries, max_size=3)), max_size=4)
)
def test_what_is_written_is_read_back(claims, tmp_path_factory):
    path = tmp_path_factory.mktemp("records") / "organism.toml"
    findings = [(key, "", entry) for key, (entry, _) in claims.items()]
    findings += [(key, part, e) for key, (_, parts) in claims.items() for part, e in parts.items()]
    assert write(path, *findings) == len(findings)
    assert read_record(path).entries == {(key, part): entry for key, part, entry in findings}
    first = path.read_text()
    write(path, *findings)
    assert path.read_text() == first, "writing the same again changes nothing"


def test_a_new_record_says_what_it_is_and_keeps_six_digits(tmp_path):
    path = tmp_path / "recorded" / "organism.toml"
    write(path, ("mlp-42/means", "", Entry(REFUTED, "value", 1 / 3, 2 / 3, 0.005)))
    text = path.read_text()
    assert text.startswith("# What was found of organism; written by --circuit-record-update.\n")
    assert "estimate = 0.333333\n" in text
    assert 'reason = ""\n' in text, "asks a person why it is refuted"
    assert path.stat().st_mode & 0o777 == 0o644


def test_an_update_keeps_comments_order_and_reasons(path):
    write(
        path,
        ("attn-37/reproduces", "", Entry(REFUTED, "value", 0.2, 0.25, 0.005)),
        ("mlp-42/means", "", Entry(REFUTED, "value", 0.45, 0.5, 0.005)),
        ("mlp-42/means", "layer=5", Entry(SUPPORTED, estimate=0.7)),
    )
    text = path.read_text()
    assert text.startswith("# Reviewed in March.\n")
    assert "# The MLPs come first, because the paper's first edition leads with them.\n" in text
    assert text.index("mlp-42/means") < text.index("attn-37/reproduces")
    assert 'reason = "the organism writes the outcome by attention"' in text
    record = read_record(path)
    assert record.entries["mlp-42/means", ""].estimate == 0.45
    assert record.entries["mlp-42/means", "layer=4"].estimate == 0.61
    assert record.entries["mlp-42/means", "layer=5"].estimate == 0.7


def test_a_claim_that_is_supported_now_loses_what_explained_it(path):
    write(path, ("mlp-42/means", "", Entry(SUPPORTED, estimate=0.7, bound=0.65)))
    entry = read_record(path).entries["mlp-42/means", ""]
    assert entry == Entry(SUPPORTED, estimate=0.7, bound=0.65)


def test_an_update_keeps_what_a_person_said_of_a_part(path):
    said = 'reason = "no MLP writes there", first = "supported", changed = "the edit left it"'
    path.write_text(
        WRITTEN.replace('{ verdict = "supported", estimate = 0.61 }', f'{{ verdict = "refuted", {said} }}')
    )
    write(path, ("mlp-42/means", "layer=4", Entry(REFUTED, "value", 0.2)))
    entry = read_record(path).entries["mlp-42/means", "layer=4"]
    assert (entry.estimate, entry.reason, entry.first) == (0.2, "no MLP writes there", "supported")
    write(path, ("mlp-42/means", "layer=4", Entry(SUPPORTED, estimate=0.7)))
    entry = read_record(path).entries["mlp-42/means", "layer=4"]
    assert (entry.reason, entry.changed) == ("", "the edit left it")


def test_only_new_entries_are_added_and_no_other_touched(path):
    before = read_record(path).entries
    new = ("mlp-60/means", "", Entry(REFUTED, "value", 0.1))
    count = write(
        path,
        ("mlp-42/means", "", Entry(SUPPORTED, estimate=0.9)),
        ("mlp-42/means", "layer=4", Entry(REFUTED, estimate=0.9)),
        ("mlp-42/means", "layer=5", Entry(REFUTED, estimate=0.8)),
        new,
        only_new=True,
    )
    after = read_record(path).entries
    assert count == 2
    assert {key: after[key] for key in before} == before
    assert set(after) - set(before) == {("mlp-42/means", "layer=5"), ("mlp-60/means", "")}


def test_a_failed_write_leaves_the_old_file_whole(path, monkeypatch):
    def full(*_args: object, **_more: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="no space"):
        write(path, ("mlp-42/means", "", Entry(SUPPORTED)))
    assert path.read_text() == WRITTEN
    assert list(path.parent.iterdir()) == [path], "no temporary file is left"


# Refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('verdict = "supported"\n', 'verdict = "suppo', r" not TOML: .*line 22.*; mend that line or restore"),
        ("schema = 1", "schema = 2", r":2: schema 2, but this version reads 1; upgrade circuit-claims"),
        ("schema = 1", "schema = 0", r":2: schema 0, but this version reads 1; write it anew"),
        ("schema = 1", "", r":1: schema None, but this version reads 1; write it anew"),
        ("clips =", "clip =", r":4: the record has an unknown key 'clip'; did you mean 'clips'\?"),
        ("bound =", "bounds =", r":14: mlp-42/means has an unknown key 'bounds'; did you mean 'bound'\?"),
        ("bound =", "zzz =", r":14: .*unknown key 'zzz'; known are bound, changed, estimate, first, parts"),
        ('"refuted"', '"refused"', r":11: mlp-42/means has the verdict 'refused'; known are 'supported', "),
        ('verdict = "refuted"\n', "", r":10: mlp-42/means has the verdict None; known are"),
        (
            "{ verdict",
            "{ verdikt",
            r":19: mlp-42/means layer=4 has an unknown key 'verdikt'; did you mean 'verdict'",
        ),
        ("0.5123", '"half"', r":13: mlp-42/means has estimate = 'half', which is not a number"),
        ("0.005", "true", r":15: mlp-42/means has tolerance = True, which is not a number"),
        ("0.61", "[0.61]", r":19: mlp-42/means layer=4 has estimate = \[0.61\], which is not a number"),
        ('[noted]\ntorch = "2.13.0"', 'noted = "2.13.0"', r":6: 'claims' and 'noted' have to be tables"),
        (
            '{ verdict = "supported", estimate = 0.61 }',
            "0.61",
            r":19: mlp-42/means layer=4 has to be a table with a verdict",
        ),
        (
            "tolerance = 0.005",
            "tolerance = -0.005",
            r":15: mlp-42/means has tolerance = -0.005; it is a dist",
        ),
        ('"attn-37/reproduces"', '"attn-37/reproduce"', r":21: .*is no claim; did you mean 'reproduces'\?"),
        (
            '"attn-37/reproduces"',
            '"attn-37"',
            r":21: .*'attn-37'\] is no claim; a key is ID/KIND, and the kinds",
        ),
        (
            '{ verdict = "supported",',
            '{ parts = {}, verdict = "supported",',
            r":19: .*unknown key 'parts'; known",
        ),
    ],
)
def test_a_malformed_record_is_refused_with_the_file_and_what_to_do(path, old, new, said):
    assert old in WRITTEN
    path.write_text(WRITTEN.replace(old, new, 1))
    with pytest.raises(RecordError, match=said) as refused:
        read_record(path)
    assert str(refused.value).startswith(f"{path}:")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused(path, bad):
    path.write_text(WRITTEN.replace("0.5123", bad))
    with pytest.raises(RecordError, match="which is not a number"):
        read_record(path)


def test_a_claim_that_is_no_table_is_refused(path):
    path.write_text('schema = 1\n[claims]\n"mlp-42/means" = "refuted"\n')
    with pytest.raises(RecordError, match="mlp-42/means has to be a table with a verdict"):
        read_record(path)
    path.write_text('schema = 1\n[claims."mlp-42/means"]\nverdict = "refuted"\nparts = 3\n')
    with pytest.raises(RecordError, match="parts has to be a table"):
        read_record(path)


def test_a_missing_record_says_how_to_write_one(tmp_path):
    with pytest.raises(RecordError, match="no such record; write it with --circuit-record-update, or judge"):
        read_record(tmp_path / "organism.toml")


def test_unreadable_bytes_are_refused(path):
    path.write_bytes(b'schema = 1\nmodel = "\xff\xfe"\n')
    with pytest.raises(RecordError, match=r"cannot be read .*; restore it from version control"):
        read_record(path)
    with pytest.raises(RecordError, match="cannot be read"):
        read_record(path.parent)


def test_a_broken_record_is_not_written_over(path):
    path.write_text(broken := WRITTEN.replace("schema = 1", "schema = 9"))
    with pytest.raises(RecordError, match="schema 9"):
        write(path, ("mlp-42/means", "", MLP))
    assert path.read_text() == broken


@settings(max_examples=min(60, settings.default.max_examples))
@given(cut=st.integers(0, len(WRITTEN)))
def test_a_record_cut_anywhere_is_read_or_refused_but_never_crashes(cut, tmp_path_factory):
    path = tmp_path_factory.mktemp("cut") / "organism.toml"
    path.write_text(WRITTEN[:cut])
    try:
        said = f"{read_record(path).path}: read"
    except RecordError as refused:
        said = str(refused)
    assert re.match(re.escape(str(path)) + r"(:\d+)?: ", said)


# Names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "file"),
    [
        ("organism", "organism.toml"),
        ("google/vivit-b-16x2-kinetics400", "google--vivit-b-16x2-kinetics400.toml"),
        ("google/vivit-b-16x2-kinetics400@v1.0", "google--vivit-b-16x2-kinetics400.toml"),
        ("google/vivit@refs@v2", "google--vivit.toml"),
        ("random:organism#3", "random-organism-3.toml"),
        ("/data/models/mine", "mine.toml"),
        ("./mine", "mine.toml"),
        ("~/models/mine/", "mine.toml"),
    ],
)
def test_a_record_is_named_after_its_model_without_revision_or_path(model, file, tmp_path):
    assert record_path(tmp_path, model) == tmp_path / file


# Tolerances ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "estimate"), [("fraction", 0.5), ("log ratio", 3.0), ("ratio", -4.0), ("norm", 5.0)]
)
def test_a_tolerance_below_the_numeric_spread_is_refused_with_its_line(path, unit, estimate):
    least = numeric_tolerance(unit, estimate)

    def written(tolerance: float) -> None:
        lines = f'estimate = {estimate}\ntolerance = {tolerance:.6g}\nunit = "{unit}"\n'
        path.write_text(WRITTEN.replace("estimate = 0.4\n", lines))

    written(least)
    assert read_record(path).entries["attn-37/reproduces", ""].tolerance == pytest.approx(least)
    written(least * 0.9)
    line = path.read_text().splitlines().index(f"tolerance = {least * 0.9:.6g}") + 1
    said = f"{re.escape(str(path))}:{line}: attn-37/reproduces has tolerance = .* give it .* {unit} or more"
    with pytest.raises(RecordError, match=said):
        read_record(path)


def test_a_default_of_an_older_record_gives_way_and_a_persons_tolerance_stays(path):
    """Older records name no unit: 0.005, 0.01 and one per cent were their defaults."""
    path.write_text(WRITTEN.replace("estimate = 0.4\n", "estimate = 0.4\ntolerance = 0.004\n"))
    new = Entry(REFUTED, "value", 0.6, 0.7, 0.002, unit="fraction")
    write(path, ("mlp-42/means", "", new), ("attn-37/reproduces", "", new))
    entries = read_record(path).entries
    assert [entries[key, ""].tolerance for key in ("mlp-42/means", "attn-37/reproduces")] == [0.002, 0.002]
    own = path.read_text().replace("tolerance = 0.002", "tolerance = 0.0031", 1)
    path.write_text(own)
    write(path, ("mlp-42/means", "", new), ("attn-37/reproduces", "", new))
    entries = read_record(path).entries
    assert [entries[key, ""].tolerance for key in ("mlp-42/means", "attn-37/reproduces")] == [0.0031, 0.002]


# How a file gets into its place --------------------------------------------------------------------------


def test_a_record_makes_the_folders_that_it_needs_and_no_table_without_content(tmp_path):
    path = tmp_path / "claims" / "recorded" / "organism.toml"
    write(path, ("mlp-42/means", "", MLP), ("mlp-42/means", "layer=4", MLP))
    assert read_record(path).entries["mlp-42/means", ""] == MLP
    assert "[claims]\n" not in path.read_text()


def test_the_new_text_waits_hidden_beside_the_old(path, monkeypatch):
    """On another disk the move would not be at once."""
    waited = []
    monkeypatch.setattr("pathlib.Path.replace", lambda self, _: waited.append(self))
    write_whole(path, "schema = 1\n")
    (temporary,) = waited
    assert temporary.parent == path.parent
    assert temporary.name.startswith(".organism-")
    assert temporary.read_text() == "schema = 1\n"


def test_a_failure_is_told_though_the_temporary_file_is_gone(path, monkeypatch):
    def gone(self: Path, *_: object) -> None:
        self.unlink()
        raise OSError("the disk was taken out")

    monkeypatch.setattr("pathlib.Path.replace", gone)
    with pytest.raises(OSError, match="the disk was taken out"):
        write_whole(path, "schema = 1\n")
    assert path.read_text() == WRITTEN


def test_a_record_may_leave_out_model_and_clips(path):
    path.write_text('schema = 1\n[claims."mlp-42/means"]\nverdict = "supported"\n')
    record = read_record(path)
    assert (record.model, record.clips, record.noted) == ("", "", {})
    assert record.entries == {("mlp-42/means", ""): Entry(SUPPORTED)}
