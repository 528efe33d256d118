"""The embedded model under several versions of transformers: does a finding hang on the version?

    python benchmarks/transformers_versions.py build/transformers docs/transformers.md [VERSION...]

Each version gets a folder of its own (transformers, huggingface_hub and tokenizers, laid over this
environment's torch), a store of its own, and a run of all claims on `organism` with its identities. A run
that is there is not repeated. The page says how far estimates lie from the newest version's.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("4.56.2", "5.4.0", "5.23.0")
"""The older layout with huggingface_hub before 1.0, the older layout in transformers 5, and the newest."""
CARRIED = ("huggingface-hub", "tokenizers")
"""With what they need in turn: huggingface_hub before 2 asks for another HTTP library than the newest."""


class NotInstalledError(Exception):
    """A version cannot be had: what the package index said."""


def install(version: str, folder: Path) -> Path:
    """One version and what only it needs, in a folder for PYTHONPATH. Raises NotInstalledError."""
    site = folder / version / "site"
    done = site / ".installed"
    if done.exists():
        return site
    _pip(site, "--no-deps", f"transformers=={version}")
    needs = (site / f"transformers-{version}.dist-info" / "METADATA").read_text(encoding="utf-8")
    found = re.findall(r"^Requires-Dist: ([\w-]+)([^;\n]*)$", needs, re.M)
    _pip(site, *(f"{name}{bounds}".replace(" ", "") for name, bounds in found if name in CARRIED))
    done.touch()
    return site


def _pip(site: Path, *wanted: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    made = subprocess.run(
        [*command, "--target", str(site), *wanted], capture_output=True, text=True, timeout=300
    )
    if made.returncode:
        raise NotInstalledError(f"{' '.join(wanted)}: {(made.stderr.strip().splitlines() or ['?'])[-1]}")


def environment(site: Path) -> dict[str, str]:
    """This environment with the version's folder before it."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]), "OMP_NUM_THREADS": "1"}


def judged(version: str, folder: Path, *words: str) -> dict[str, Any]:
    """The report of the claims under one version; measured unless it is there."""
    site = install(version, folder)
    report = folder / version / "reports" / "latest.json"
    if not report.exists() or not json.loads(report.read_text(encoding="utf-8"))["run"]["complete"]:
        own = ["--circuit-cache", str(folder / version / "store"), "--circuit-report-dir", str(report.parent)]
        subprocess.run(
            [sys.executable, "-m", "pytest", *(words or ["claims"]), "-q", "--tb=no", *own],
            cwd=ROOT,
            env=environment(site),
            check=False,
        )
    loaded: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    if loaded["run"]["packages"]["transformers"] != version:
        raise NotInstalledError(f"{report} was measured with {loaded['run']['packages']['transformers']}")
    return loaded


@dataclass(frozen=True)
class Apart:
    """How far an estimate of one version lies from another's."""

    name: str
    """Claim and part."""
    unit: str
    was: float
    now: float

    @property
    def size(self) -> float:
        """In the unit's own measure: a fraction absolutely, anything else relative to the estimate."""
        apart = abs(self.was - self.now)
        return apart if self.unit in ("fraction", "log ratio") else apart / max(abs(self.was), 1e-12)


def estimates(report: dict[str, Any]) -> dict[str, tuple[str, float]]:
    """By claim and part: the unit and the estimate."""
    return {
        f"{entry['key']} {one['part']}".strip(): (one["unit"], one["value"])
        for entry in report["claims"]
        if entry["model"]
        for one in entry["measurements"]
        if one["value"] is not None
    }


def apart(first: dict[str, Any], second: dict[str, Any]) -> Iterator[Apart]:
    """Every estimate that both reports have."""
    before, after = estimates(first), estimates(second)
    for name in before.keys() & after.keys():
        unit, was = before[name]
        yield Apart(name, unit, was, after[name][1])


def flips(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Claims whose verdict is another, and those that only one report has."""
    before, after = ({e["key"]: e["verdict"] for e in one["claims"]} for one in (first, second))
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def page(reports: dict[str, dict[str, Any]]) -> str:
    """The table: each version beside the last, which is the newest."""
    *_, newest = reports
    lines = [
        "# Versions of transformers\n",
        "`make matrix` judges the embedded model with each of these versions, in an environment and a store "
        f"of its own, and compares every estimate with that of {newest}, in the six digits of a report. "
        "Fractions are compared as they are, ratios and counts relative to the estimate.\n",
        "| transformers | huggingface_hub | identities | worst closure | verdicts that differ | estimates | "
        "largest difference |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for version, report in reports.items():
        (model,) = report["models"]
        identity = model.get("identity", {"passed": False, "worst_closure": float("nan")})
        found = sorted(apart(reports[newest], report), key=lambda one: one.size)
        worst = f"{found[-1].size:.2g} ({found[-1].name})" if found else "nothing in common"
        if found and not found[-1].size:
            worst = "0: all are equal"
        differ = flips(reports[newest], report)
        hub = report["run"]["packages"].get("huggingface_hub", "")
        cells = (
            version,
            hub,
            "pass" if identity["passed"] else "FAIL",
            f"{identity['worst_closure']:.1e}",
            ", ".join(differ) or "none",
            str(len(found)),
            "" if version == newest else worst,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(words: list[str]) -> int:
    """Run every version and write the page."""
    folder, target, *versions = words
    reports = {}
    for version in versions or VERSIONS:
        reports[version] = judged(version, Path(folder).resolve())
    Path(target).write_text(page(reports), encoding="utf-8")
    print(page(reports))
    green = all(not flips(reports[[*reports][-1]], one) for one in reports.values())
    identical = all(one["models"][0].get("identity", {}).get("passed") for one in reports.values())
    return 0 if green and identical else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
