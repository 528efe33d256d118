"""``circuit-claims pair remove``: pairs leave the manifest; their clips stay where they are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from circuit_claims.judge.counted import counted


def remove_pairs(manifest: Path, options: argparse.Namespace) -> int:
    """Take pairs out of the manifest, whose other lines keep their comments and their form.

    Raises ManifestError for a name that is not there, and then takes out none.
    """
    import tomlkit

    from circuit_claims.clips.errors import ManifestError, shown
    from circuit_claims.clips.pairs import load_pairs
    from circuit_claims.clips.table import nearest
    from circuit_claims.files import replacing

    there = {pair.name: pair for pair in load_pairs(manifest).pairs}
    names = list(dict.fromkeys(options.names))
    for name in names:
        if name not in there:
            raise ManifestError(manifest, None, f"has no pair {name!r}; {nearest(name, there)}")
    document = tomlkit.parse(manifest.read_bytes().decode())
    entries: Any = document["pair"]
    for at in reversed(range(len(entries))):
        if entries[at]["name"] in names:
            del entries[at]
    if not entries:
        del document["pair"]
    with replacing(manifest) as aside:
        aside.write_text(tomlkit.dumps(document), encoding="utf-8", newline="")
    kept = [pair for name, pair in there.items() if name not in names]
    removed = ", ".join(shown(name) for name in names)
    print(f"removed {removed} from {manifest}; {counted(len(kept), 'pair')} left")
    used = {clip.path for pair in kept for clip in (pair.positive, pair.negative)}
    clips = [clip.path for name in names for clip in (there[name].positive, there[name].negative)]
    unused = [path for path in dict.fromkeys(clips) if path not in used]
    if unused:
        print(
            f"no pair uses these clips now, and they stay: {', '.join(shown(str(path)) for path in unused)}"
        )
    return 0
