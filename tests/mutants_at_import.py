"""Constants, properties and defaults of the judge, changed one at a time: mutmut does not reach them.

mutmut changes what is inside functions. What is made at import, and what stands under a decorator, is
changed here, each in a copy of the package, and the tests of its own module run on it. Prints what lived.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = {
    "judge/claim.py": ["judge/test_claim.py", "judge/test_gate.py", "judge/test_quantify.py"],
    "judge/intervals.py": ["judge/test_intervals.py", "judge/test_contrasts.py"],
    "judge/margins.py": ["judge/test_units.py"],
    "judge/verdict.py": ["judge/test_verdict.py", "judge/test_sensitivity.py"],
    "measure/recovery.py": ["measure/test_recovery.py"],
}
"""By file, where it is tested; otherwise in the file of its own name."""
OPTIONS = ["-x", "-q", "-m", "not slow", "--hypothesis-profile=mutation", "-p", "no:cacheprovider"]

CHANGES = {
    "judge/artifacts.py": [("IDENTICAL = 1e-4", "IDENTICAL = 2e-4"), ("CLOSED = 1e-5", "CLOSED = 2e-5")],
    "judge/claim.py": [
        ('MARKER = "circuit_claim"', 'MARKER = "CIRCUIT_CLAIM"'),
        ('f"{self.id}/{self.kind}"', 'f"{self.kind}/{self.id}"'),
        ("margin: float = 0.05", "margin: float = 0.1"),
        ("rounding: float = 0.0", "rounding: float = 1.0"),
        ("seed: int = 0", "seed: int = 1"),
        ("n: int = 0", "n: int = 1"),
    ],
    "judge/contrasts.py": [
        ("np.count_nonzero(self.counts)", "np.count_nonzero(self.counts) + 1"),
        ("return float(self.counts.sum())", "return float(self.counts.max())"),
        ("there = self.counts > 0", "there = self.counts > 1"),
        ("np.ptp(means) == 0", "np.ptp(means) != 0"),
        ("self.claim.mean - self.control.mean", "self.claim.mean + self.control.mean"),
        ("(self.claim.counts > 0) & (self", "(self.claim.counts > 0) | (self"),
        ("(self.claim.counts > 0) & (self", "(self.claim.counts > 1) & (self"),
        ("(self.control.counts > 0)))", "(self.control.counts > 1)))"),
    ],
    "judge/effects.py": [("MOST = 100_000", "MOST = 50_000"), ("MOST = 100_000", "MOST = 200_000")],
    "judge/gate.py": [
        ('"below": lambda value: -value', '"below": lambda value: +value'),
        ('"negligible": lambda value: -abs(value)', '"negligible": lambda value: +abs(value)'),
        ('"negligible": lambda value: -abs(value)', '"negligible": lambda value: -value'),
        ("p: float | None = None", "p: float | None = 0.0"),
        ("wants_seeds: bool = False", "wants_seeds: bool = True"),
    ],
    "judge/intervals.py": [
        ("SKEW = 1.25", "SKEW = 1.0"),
        ("isfinite(self.low) and", "isfinite(self.low) or"),
        ("self.totals.sum() / self", "self.totals.sum() * self"),
        ("return len(self.totals)", "return len(self.totals) + 1"),
    ],
    "judge/margins.py": [
        ('"fraction": 0.05', '"fraction": 0.1'),
        ('"bool": 0.05', '"bool": 0.1'),
        ('"ratio": 0.05', '"ratio": 0.1'),
        ('"log ratio": 0.05', '"log ratio": 0.1'),
        ('"correlation": 0.05', '"correlation": 0.1'),
    ],
    "judge/record.py": [
        ("SCHEMA = 1", "SCHEMA = 2"),
        ("FRACTION_TOLERANCE = 0.005", "FRACTION_TOLERANCE = 0.01"),
        ("RATIO_TOLERANCE = 0.01", "RATIO_TOLERANCE = 0.02"),
        ('_TOP_KEYS = {"schema", ', "_TOP_KEYS = {"),
        ('_ENTRY_KEYS = {"verdict", ', "_ENTRY_KEYS = {"),
        ('"reason", "first", ', '"reason", '),
        ('"first", "changed", ', '"first", '),
        ('BORDERLINE = "borderline"', 'BORDERLINE = "flipped"'),
    ],
    "judge/seeds.py": [
        ("FIRST, MOST = 5, 20", "FIRST, MOST = 6, 20"),
        ("FIRST, MOST = 5, 20", "FIRST, MOST = 5, 21"),
        ("LOOKS = 2", "LOOKS = 1"),
        ("LOOKS = 2", "LOOKS = 3"),
        ("DRAWS = 200_000", "DRAWS = 200"),
        ("min(self.pairs.low, self.seeds.low)", "self.pairs.low"),
        ("max(self.pairs.high, self.seeds.high)", "self.pairs.high"),
    ],
    "judge/shares.py": [('EXACT = "exact binomial"', 'EXACT = "EXACT BINOMIAL"')],
    "judge/verdict.py": [
        ("LEVEL = 0.95", "LEVEL = 0.9"),
        ("MIN_PAIRS = 5", "MIN_PAIRS = 4"),
        ("MIN_PAIRS = 5", "MIN_PAIRS = 6"),
        ("HALF = 0.5", "HALF = 0.4"),
        ("HALF = 0.5", "HALF = 0.6"),
    ],
    "measure/recovery.py": [
        ('"norm_ratio": norm_ratio', '"norm_ratio": projection'),
        ('"projection": projection', '"projection": norm_ratio'),
        ('"cosine": cosine', '"cosine": projection'),
        ('"distance": distance', '"distance": projection'),
    ],
}
"""By file: what stands there, and what is put there instead."""


def main(files: list[str]) -> int:
    """Make each change (to these files, or to all), run the tests, say what lived."""
    chosen = {file: changes for file, changes in CHANGES.items() if file in files or not files}
    lived = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("circuit_claims", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "weights"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        for file, changes in chosen.items():
            path = copy / "circuit_claims" / file
            whole = path.read_text(encoding="utf-8")
            if not passes(copy, file):
                print(f"{file}: its tests fail without any change")
                return 1
            for old, new in changes:
                if old not in whole:
                    print(f"{file}: {old!r} is not there any more; change the list")
                    return 1
                path.write_text(whole.replace(old, new, 1), encoding="utf-8")
                alive = passes(copy, file)
                print(f"{'lived ' if alive else 'killed'} {file}: {old} -> {new}", flush=True)
                lived += alive
            path.write_text(whole, encoding="utf-8")
    print(f"{lived} of {sum(map(len, chosen.values()))} lived")
    return 0


def passes(copy: Path, file: str) -> bool:
    """Whether a file's tests pass in the copy."""
    tests = TESTS.get(file, [f"judge/test_{Path(file).name}"])
    run = [sys.executable, "-m", "pytest", *(f"tests/{test}" for test in tests), *OPTIONS]
    settings = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(run, cwd=copy, env=settings, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
