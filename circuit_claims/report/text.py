"""Text that came from outside (names, labels, paths, messages), made safe to show anywhere.

Markup is escaped by each renderer, in its own way. What no renderer wants is here: control characters and
terminal escape sequences, marks that turn the direction of a line around, and places of the machine.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_SHOWN = {"\n": " ", "\t": " ", "\r": " ", "\u00a0": "\u00a0", "\u202f": "\u202f"}
_FILE_URL = re.compile(r"file://")
_ABSOLUTE = re.compile(r"""(?<![\w.:/~…-])/(?:[^\s/'"<>|:;,()\[\]]+/)+([^\s/'"<>|:;,()\[\]]*)""")
_UPWARDS = re.compile(r"""(?<![\w./])(?:\.\./)+(?:[^\s/'"<>|:;,()\[\]]+/)*([^\s/'"<>|:;,()\[\]]*)""")
_WINDOWS = re.compile(r"""(?<!\w)[A-Za-z]:\\(?:[^\s\\'"<>|:;,()\[\]]+\\)*([^\s\\'"<>|:;,()\[\]]*)""")


def visible(text: str) -> str:
    """The text on one line, with every control, format and lone surrogate character as its escape.

    ``"\\x1b[31m"`` becomes the four letters ``\\x1b`` and ``[31m``: nothing in a terminal changes colour.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _SHOWN.get(c, _escape(c)) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def cleaned(value: Any) -> Any:
    """A copy of plain data with `visible` applied to every string in it, keys as well."""
    return _everywhere(value, visible)


def without_places(value: Any, root: Path | None = None) -> Any:
    """A copy of plain data in which no string names a place of the machine.

    Files under `root` are named from there; of other paths only the last name is kept, as ``…/clip.mp4``.
    """
    start = f"{root}/" if root is not None and root != Path(root.anchor) else ""
    home = str(Path.home())

    def shortened(text: str) -> str:
        if "/" not in text and "\\" not in text:
            return text
        text = _FILE_URL.sub("", text)
        if start:
            text = re.sub(rf"(?<![\w.-]){re.escape(start)}", "", text)
        if len(home) > 1:
            text = re.sub(rf"{re.escape(home)}(?![\w./-])", "~", text)
        for pattern in (_ABSOLUTE, _UPWARDS, _WINDOWS):
            text = pattern.sub(r"…/\1", text)
        return text

    return _everywhere(value, shortened)


_NUMBERS = frozenset((float, int, bool, type(None)))


def _everywhere(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if value is None or isinstance(value, float | int):
        return value  # most of a report, and sooner known than what is no mapping
    if isinstance(value, Mapping):
        return {change(str(key)): _everywhere(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        if _NUMBERS.issuperset(map(type, value)):
            return list(value)  # most lists
        return [_everywhere(inner, change) for inner in value]
    return value
