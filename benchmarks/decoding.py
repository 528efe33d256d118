"""Every clip of a folder through the decoder: the reference's frames, or the refusal, and the seconds.

    python benchmarks/decoding.py FOLDER...

Prints a Markdown table. The reference is PyAV, first frame to last, turned as the file asks.
"""

import sys
import time
from pathlib import Path

import av
import numpy as np

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.errors import ClipError


def against_reference(path: Path, frames: np.ndarray) -> str:
    """How the frames compare with PyAV's, in words."""
    worst, total, count = 0, 0.0, 0
    with av.open(str(path)) as container:
        for theirs in container.decode(container.streams.best("video")):
            if count >= len(frames):
                return f"{len(frames)} frames, PyAV reads more"
            turned = np.rot90(theirs.to_ndarray(format="rgb24"), theirs.rotation // 90)
            apart = np.abs(frames[count].astype(np.int16) - turned)
            worst, total, count = max(worst, int(apart.max())), total + float(apart.mean()), count + 1
    if count != len(frames):
        return f"{len(frames)} frames, PyAV reads {count}"
    if worst == 0:
        return f"PyAV's {count} frames, bit for bit"
    return f"PyAV's {count} frames within {worst} levels, {total / count:.2f} on average"


def main(folders: list[str]) -> None:
    print("| file | what comes of it | seconds |\n| --- | --- | --- |")
    with Decoder() as decoder:
        for path in sorted(p for folder in folders for p in Path(folder).iterdir()):
            started = time.monotonic()
            try:
                frames = decoder.decode(path).frames
            except ClipError as error:
                seconds = time.monotonic() - started
                said = f"ClipError: {error.problem}"
            else:
                seconds = time.monotonic() - started
                said = against_reference(path, frames)
            print(f"| {path.parent.name}/{path.name} | {said} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
