"""Numbers of things, and lengths of time, in words."""


def counted(count: int, noun: str, nouns: str = "") -> str:
    """``1 claim``, ``2 claims``, ``0 claims``; `nouns` where an s does not make the plural."""
    return f"{count} {noun if count == 1 else nouns or f'{noun}s'}"


def told(seconds: float) -> str:
    """A time to two digits, in a unit that fits."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds:.2g} s"
