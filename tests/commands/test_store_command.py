"""`circuit-claims store`: what is kept, what is spoilt, and what may go."""

import os
import time

import pytest
from filelock import FileLock

from circuit_claims.cli import USAGE, main
from circuit_claims.commands import store as store_command
from circuit_claims.measure.code_hash import code_hash
from circuit_claims.measure.store import Store, versions

HERE = {"versions": versions(), "code": code_hash("measure.per_pair")}


def fields(n, **more):
    return {"measurement": "per_pair.sweep", "weights": "a" * 64, "pair": n, **HERE, **more}


def age(store, some, days):
    then = time.time() - days * store_command.DAY
    os.utime(store.path(some), (then, then))


@pytest.fixture
def store(tmp_path):
    """Six sweeps of 1 to 6 days ago, one by other code, a trace by other libraries, and a figure."""
    made = Store(tmp_path / "store")
    for n in range(6):
        made.put(fields(n), {"numbers": [0.5] * 1000})
        age(made, fields(n), n + 1)
    made.put(fields(7, code="other"), {"d": 1})
    made.put(fields(8, versions={"torch": "1.0"}), {"d": 1})
    (made.folder / "figures").mkdir()
    (made.folder / "figures" / "a.svg").write_text("<svg/>")
    return made


@pytest.fixture
def command(store, capsys):
    def run(*args):
        status = main(["store", *args, "--circuit-cache", str(store.folder)])
        return status, capsys.readouterr()

    return run


def left(store):
    return sum(store.get(fields(n)) is not None for n in range(6))


def test_entries_are_shown_by_model_and_measurement(command, store):
    status, told = command("show")
    assert status == 0
    rows = [line.split() for line in told.out.splitlines()]
    assert rows[0] == ["model", "measurement", "entries", "size", "age", "unused"]
    assert rows[2][:4] == ["weights", "a" * 12, "per_pair.sweep", "8"]
    assert rows[2][-7:] == ["0", "s", "to", "6", "d", "2"] or rows[2][-1] == "2"
    assert rows[1][:2] == ["-", "figures"]
    assert "9 entries" in told.out


def test_the_embedded_model_and_its_random_controls_are_named(command, store):
    from dataclasses import replace

    from circuit_claims.models.checkpoint import fingerprint
    from circuit_claims.organisms.registry import resolve

    source = resolve("organism")
    store.put(fields(1, weights=fingerprint(source)), {"d": 1})
    store.put(fields(1, weights=fingerprint(replace(source, reinit=("shuffled", 103)))), {"d": 1})
    out = command("show")[1].out
    assert "\norganism " in out
    assert "\nshuffled:organism#103 " in out


def test_a_whole_store_is_verified(command):
    status, told = command("verify")
    assert (status, told.err) == (0, "")
    assert "9 entries" in told.out
    assert told.out.strip().endswith("0 spoilt")


def test_what_is_damaged_or_unfinished_is_found_and_pruned_and_nothing_else(command, store):
    damaged = store.path(fields(0))
    damaged.write_bytes(damaged.read_bytes().replace(b"0.5", b"0.6", 1))
    key = store.path(fields(1)).stem
    unfinished = damaged.parents[1] / key[:2] / f".{key}-abcdefgh.tmp"
    unfinished.write_text('{"fields"')
    status, told = command("verify")
    assert status == 1
    assert f"{damaged}: its numbers are not those that were written" in told.err
    assert f"{unfinished}: a process ended while it wrote this" in told.err
    assert command("prune")[0] == 0
    assert not damaged.exists()
    assert not unfinished.exists()
    assert left(store) == 5
    assert command("verify")[0] == 0


def test_old_entries_go(command, store):
    assert "2 entries" in command("prune", "--older-than", "4.5d")[1].out
    assert [store.get(fields(n)) is None for n in range(6)] == [False] * 4 + [True] * 2


def test_the_oldest_go_until_the_rest_fits(command, store):
    size = store.path(fields(0)).stat().st_size
    command("prune", "--to-size", f"{4.5 * size / 1000}k")
    assert [store.get(fields(n)) is None for n in range(6)] == [False] * 4 + [True] * 2


def test_what_other_code_or_libraries_measured_goes(command, store):
    command("prune", "--unused")
    assert left(store) == 6
    assert store.get(fields(7, code="other")) is None
    assert store.get(fields(8, versions={"torch": "1.0"})) is None
    assert list(store.folder.glob("figures/*")) != []


def test_a_dry_run_removes_nothing(command, store):
    before = sorted(store.folder.rglob("*"))
    assert "would go" in command("prune", "--older-than", "0h", "--dry-run")[1].out
    assert sorted(store.folder.rglob("*")) == before


def test_what_a_running_process_holds_stays(command, store):
    """flock knows holders by the open file, so a second one in this process counts as another."""
    with FileLock(store.path(fields(2)).with_suffix(".lock")):
        status, told = command("prune", "--older-than", "0h")
    assert status == 0
    assert "1 left alone" in told.out
    assert [store.get(fields(n)) is not None for n in range(6)] == [False, False, True, False, False, False]
    assert command("prune", "--older-than", "0h")[0] == 0
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []


def test_what_was_measured_anew_meanwhile_stays(store):
    from circuit_claims.measure.inventory import entries, remove

    listed = entries(store.folder)
    store.put(fields(3), {"numbers": [0.25]})
    _, kept = remove(listed)
    assert [entry.fields["pair"] for entry in kept] == [3]
    assert store.get(fields(3)) == {"numbers": [0.25]}


def test_a_folder_that_is_no_store_is_refused(tmp_path, capsys):
    assert main(["store", "show", "--circuit-cache", str(tmp_path / "none")]) == USAGE
    assert "there is no store here; name its folder with --circuit-cache" in capsys.readouterr().err
    (tmp_path / "notes.txt").write_text("mine")
    for action in ("show", "verify", "prune"):
        assert main(["store", action, "--circuit-cache", str(tmp_path)]) == USAGE
        assert "holds no measurements" in capsys.readouterr().err
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--older-than", "30"), ("--to-size", "2"), ("--older-than", "-3d")]
)
def test_an_age_or_a_size_that_is_none_is_refused(option, value, capsys):
    with pytest.raises(SystemExit):
        main(["store", "prune", f"{option}={value}"])
    assert f"'{value}' is no" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "told"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (123456, "123 kB"), (2.5e12, "2500 GB")]
)
def test_sizes_are_told_in_thousands(size, told):
    assert store_command.size_told(size) == told


def test_ages_are_told_in_the_largest_unit():
    assert [store_command.age_told(s) for s in (5, 61, 7300, 200_000)] == ["5 s", "1 min", "2 h", "2 d"]
