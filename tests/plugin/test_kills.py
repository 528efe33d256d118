"""A run that is killed leaves a store from which the next one gives the report of an undisturbed run."""

import json
import subprocess
import sys
from pathlib import Path

import killed_runs
import pytest
from test_on_models import without_times

from circuit_claims.measure.inventory import entries, spoilt
from conftest import ALONE

SEED = 20_260


@pytest.mark.slow
def test_twenty_five_kills_leave_stores_that_the_next_run_completes(on_models):
    print(f"seed {SEED}")
    done = subprocess.run(
        [sys.executable, killed_runs.__file__, str(SEED), "claims", *ALONE, *on_models.options()],
        cwd=on_models.pytester.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(told, indent=1))
    assert len(told["killed"]) == 25
    died = [kill for kill in told["killed"] if kill["died"]]
    assert len(died) >= 15, "most moments have to fall into a run"
    assert len([kill for kill in died if kill["how"].startswith("write")]) >= 5, "some into a write"
    undisturbed = report(on_models, "undisturbed")
    assert [claim["verdict"] for claim in undisturbed["claims"]].count("supported") == 7
    unfinished = 0
    for at in range(killed_runs.ROUNDS):
        assert report(on_models, f"round{at}") == undisturbed
        bad = [
            entry for entry in entries(on_models.pytester.path / f"round{at}", whole=True) if spoilt(entry)
        ]
        assert {entry.path.suffix for entry in bad} <= {".tmp"}, "under its own name an entry is whole"
        unfinished += len(bad)
    assert unfinished >= 5, "what they were writing lies beside"


def report(on_models, store):
    path = Path(on_models.pytester.path) / f"{store}-report" / "latest.json"
    return without_times(json.loads(path.read_text()))
