"""The store: nothing is judged from another model's numbers, from damaged numbers, or twice measured."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_claims.measure import store as store_module
from circuit_claims.measure.store import Store, key_of, versions

FIELDS = {"measurement": "sweep", "weights": "a1", "clips": ["c1", "c2"], "versions": {"torch": "2.13.0"}}
PAYLOAD = {"d": 0.5, "sites": {"mlp_out.4": [1.0, 2.0]}}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def entry_of(folder: Path) -> Path:
    (path,) = folder.rglob("*.json")
    return path


def test_a_measurement_comes_back_as_it_was_put(tmp_path: Path) -> None:
    Store(tmp_path).put(FIELDS, PAYLOAD)
    again = Store(tmp_path)
    assert again.get(FIELDS) == PAYLOAD
    assert (again.hits, again.misses, again.problems) == (1, 0, [])


def test_an_entry_says_what_it_was_measured_from(tmp_path: Path) -> None:
    Store(tmp_path).put(FIELDS, PAYLOAD)
    entry = json.loads(entry_of(tmp_path).read_text())
    assert entry["fields"] == FIELDS
    assert entry_of(tmp_path).stem == key_of(FIELDS)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": "a2"},
        {"clips": ["c2", "c1"]},
        {"versions": {"torch": "2.13.1"}},
        {"device": "cuda"},
        {"measurement": "trace"},
    ],
)
def test_a_change_of_anything_is_another_measurement(tmp_path: Path, change: dict[str, Any]) -> None:
    store = Store(tmp_path)
    store.put(FIELDS, PAYLOAD)
    assert store.get({**FIELDS, **change}) is None
    assert store.get(dict(reversed(FIELDS.items()))) == PAYLOAD


def test_other_weights_and_another_transformers_are_never_judged_from_old_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiny_vivit import build_vivit, save

    from circuit_claims.models.checkpoint import fingerprint
    from circuit_claims.models.source import ModelSource

    def fields(folder: Path) -> dict[str, Any]:
        weights = fingerprint(ModelSource(name="organism", location=folder))
        return {"weights": weights, "versions": versions()}

    one, other = save(build_vivit(1), tmp_path / "one"), save(build_vivit(2), tmp_path / "other")
    store = Store(tmp_path / "store")
    store.put(fields(one), PAYLOAD)
    assert store.get(fields(one)) == PAYLOAD
    assert store.get(fields(other)) is None
    installed = store_module.metadata.version
    store_module._version.cache_clear()
    monkeypatch.setattr(
        store_module.metadata, "version", lambda name: "4.56.2" if name == "transformers" else installed(name)
    )
    try:
        assert store.get(fields(one)) is None
    finally:
        store_module._version.cache_clear()


@given(fields=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_the_key_does_not_depend_on_order_and_survives_json(fields: dict[str, Any]) -> None:
    assert key_of(fields) == key_of(dict(reversed(list(fields.items()))))
    assert key_of(fields) == key_of(json.loads(json.dumps(fields)))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def edit_a_number(path: Path) -> None:
    path.write_text(path.read_text().replace("0.5", "0.7"))


def half_of_it(path: Path) -> None:
    """What a machine that lost its power may leave: the right length, and zeros."""
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2] + bytes(len(raw) - len(raw) // 2))


def cut_the_fields(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def another_hash(path: Path) -> None:
    head, _, body = path.read_text().partition("\n")
    path.write_text(f'{head[:-3]}00"\n{body}')


def edit_the_fields(path: Path) -> None:
    """Whole, and of other fields: a file that was copied to another's name."""
    path.write_text(path.read_text().replace('"a1"', '"a2"'))


def write(text: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(text)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "cannot be read"),
        (edit_a_number, "its numbers are not those that were written"),
        (half_of_it, "cannot be read"),
        (cut_the_fields, "cannot be read"),
        (another_hash, "its numbers are not those that were written"),
        (edit_the_fields, "its fields are not those of its key"),
        (write(b""), "cannot be read"),
        (write(b"\xff\x00"), "cannot be read"),
        (write(b"[1, 2]"), "cannot be read"),
        (write(b'{"format": 2}'), "cannot be read"),
        (write(b'{"format": 0, "payload": 1, "fields": {}}'), "its format is 0, not 2"),
        (write(b'{"fields": {\n  "a": 1},\n "format": 1,\n "payload": 1}'), "its format is 1, not 2"),
    ],
    ids=[
        "cut",
        "number",
        "half",
        "head",
        "hash",
        "fields",
        "empty",
        "binary",
        "list",
        "lacking",
        "format",
        "old",
    ],
)
def test_a_damaged_entry_is_a_miss_that_is_said_and_replaced(
    tmp_path: Path, damage: Callable[[Path], Any], said: str
) -> None:
    Store(tmp_path).put(FIELDS, PAYLOAD)
    damage(entry_of(tmp_path))
    store = Store(tmp_path)
    assert store.once(FIELDS, lambda: {"d": 0.25}) == {"d": 0.25}
    assert len(store.problems) == 1
    assert said in store.problems[0]
    assert Store(tmp_path).get(FIELDS) == {"d": 0.25}


def test_numbers_that_are_none_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        Store(tmp_path).put(FIELDS, {"d": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        key_of({"seed": float("inf")})
    with pytest.raises(ValueError, match="stands for a miss"):
        Store(tmp_path).put(FIELDS, None)
    assert list(tmp_path.rglob("*.json")) == []


def test_a_store_that_is_off_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    off = Store(None)
    off.put(FIELDS, PAYLOAD)
    assert off.get(FIELDS) is None
    assert off.once(FIELDS, lambda: 1) == 1
    assert off.once(FIELDS, lambda: 2) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said_and_measuring_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file")
    assert store.once(FIELDS, lambda: PAYLOAD) == PAYLOAD
    assert any("not kept" in problem or "cannot be locked" in problem for problem in store.problems)


def test_a_write_that_fails_leaves_the_old_entry_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.put(FIELDS, PAYLOAD)

    def full(*_args: Any, **_how: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    store.put(FIELDS, {"d": 0.25})
    assert "No space left" in store.problems[0]
    assert store.get(FIELDS) == PAYLOAD
    assert list(tmp_path.rglob("*.tmp")) == []


WRITES_TOO_MUCH = """
import resource, sys
from circuit_claims.measure.store import Store
store = Store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
store.put({"measurement": "sweep"}, {"d": [0.5] * 5000})
assert store.once({"measurement": "trace"}, lambda: {"d": [0.25] * 5000})["d"][0] == 0.25
print(*store.problems, sep="\\n")
"""
"""As on a disk that is full: the system refuses in the middle of a file."""


def test_a_full_disk_loses_nothing_that_was_there(tmp_path: Path) -> None:
    Store(tmp_path).put({"measurement": "sweep"}, PAYLOAD)
    ran = subprocess.run(
        [sys.executable, "-c", WRITES_TOO_MUCH, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.count("not kept") == 2, ran.stdout
    store = Store(tmp_path)
    assert store.get({"measurement": "sweep"}) == PAYLOAD
    assert store.get({"measurement": "trace"}) is None
    assert store.problems == []
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()].count(".json") == 1
    assert list(tmp_path.rglob("*.tmp")) == []


def test_what_is_wrong_with_an_entry_is_said_once(tmp_path: Path) -> None:
    Store(tmp_path).put(FIELDS, PAYLOAD)
    cut(entry_of(tmp_path))
    store = Store(tmp_path)
    assert [store.get(FIELDS), store.get(FIELDS)] == [None, None]
    assert len(store.problems) == 1


def test_an_error_while_measuring_is_the_error_and_lets_go_of_the_lock(tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        Store(tmp_path).once(FIELDS, fail)
    assert Store(tmp_path).once(FIELDS, lambda: PAYLOAD, wait=False) == PAYLOAD


HANGS_S = 600.0
"""A process that takes longer hangs, however busy the machine is."""


def _measure_slowly(folder: str, answers: Any) -> None:
    def measure() -> dict[str, float]:
        with (Path(folder) / "calls").open("a") as calls:
            calls.write("x")
        time.sleep(0.5)
        return {"d": 1.0}

    answers.put(Store(folder).once(FIELDS, measure))


def test_processes_that_ask_at_the_same_time_measure_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    workers = [spawn.Process(target=_measure_slowly, args=(str(tmp_path), answers)) for _ in range(3)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=HANGS_S) for _ in workers]
    for worker in workers:
        worker.join(timeout=HANGS_S)
    assert found == [{"d": 1.0}] * 3
    assert (tmp_path / "calls").read_text() == "x"


def _measure_until_told(folder: str, answers: Any, measuring: Any, go_on: Any) -> None:
    def measure() -> dict[str, float]:
        measuring.set()
        go_on.wait(HANGS_S)
        return {"d": 1.0}

    answers.put(Store(folder).once(FIELDS, measure))


def test_what_another_process_measures_need_not_be_waited_for(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    answers, measuring, go_on = spawn.Queue(), spawn.Event(), spawn.Event()
    worker = spawn.Process(target=_measure_until_told, args=(str(tmp_path), answers, measuring, go_on))
    worker.start()
    assert measuring.wait(HANGS_S)
    assert Store(tmp_path).once(FIELDS, lambda: pytest.fail("measured twice"), wait=False) is None
    go_on.set()
    assert answers.get(timeout=HANGS_S) == {"d": 1.0}
    worker.join(timeout=HANGS_S)
    assert Store(tmp_path).once(FIELDS, lambda: pytest.fail("measured twice"), wait=False) == {"d": 1.0}


def test_versions_are_those_of_the_libraries_behind_a_number() -> None:
    import torch
    import transformers

    found = versions()
    assert found["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert found["transformers"] == transformers.__version__
    assert set(found) == {"torch", "transformers", "decord2", "av", "numpy"}


FULL_DISK = """
import json, resource, sys
from circuit_claims.measure.store import Store
store = Store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
long = ["so long that it does not fit"] * 1000
store.put({"of": "old"}, long)
measured = store.once({"of": "new"}, lambda: long)
print(json.dumps({"same": measured == long, "problems": store.problems}))
"""


def test_a_full_disk_loses_nothing_that_was_there_and_stops_nothing(tmp_path):
    """The limit on a file's size makes the kernel refuse a write halfway, as a full disk does."""
    store = Store(tmp_path / "store")
    store.put({"of": "old"}, ["short"])
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*.json")}
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(store.folder)], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert told["same"], "what was measured is judged all the same"
    assert len(told["problems"]) == 2
    assert all("not kept" in sentence and "free space" in sentence for sentence in told["problems"])
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*.json")} == before
    assert not list(tmp_path.rglob("*.tmp"))
    assert store.get({"of": "old"}) == ["short"]
