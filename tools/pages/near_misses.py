"""Which models come near to a claim without its being true of them: `python -m ... near-misses.json`.

The claims that a model must not support are declared with it (`Planted.misses`, `Edit.misses`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from circuit_claims.organisms.edits import EDITS
from circuit_claims.organisms.planted import PLANTED, PREFIX


def near_misses() -> dict[str, list[str]]:
    """By claim (`id/kind`), the models that must not support it, as they are named on the command line."""
    found: dict[str, list[str]] = {}
    declared = [(name, circuit.misses) for name, circuit in PLANTED.items()]
    declared += [(name, edit.misses) for name, edit in EDITS.items()]
    for name, keys in declared:
        for key in keys:
            found.setdefault(key, []).append(PREFIX + name)
    return found


def main(arguments: Sequence[str]) -> int:
    """Write them as JSON to the one file named."""
    (path,) = arguments
    Path(path).write_text(json.dumps(near_misses(), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
