"""Where pytest's root lies: an option's path must not move it.

pytest looks for its root before it knows a plugin's options. Of ``--circuit-model ../twelve`` it takes the
second word for a folder of tests, and reads the configuration that belongs to that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest


def require_own_root(config: pytest.Config) -> None:
    """Refuse an option whose path, written after a space, gave pytest another root.

    Raises UsageError, which says how to write it.
    """
    taken = _paths_after_a_space(config.invocation_params.args, config.invocation_params.dir)
    if not taken or hasattr(config, "workerinput"):
        return
    root = _root_without(config, {path for _, path in taken})
    if root is None or root == config.rootpath:
        return
    option, path = taken[0]
    raise pytest.UsageError(
        f"{option} {path}: after a space pytest takes the path for a folder of tests, and its root would be "
        f"{config.rootpath}, not {root}; write {option}={path}"
    )


def _paths_after_a_space(words: Sequence[str], invoked: Path) -> list[tuple[str, str]]:
    """The options of this plugin whose value is a word of its own and a path that exists."""
    return [
        (option, value)
        for option, value in pairwise(words)
        if option.startswith("--circuit-") and "=" not in option and (invoked / value).exists()
    ]


def _root_without(config: pytest.Config, paths: set[str]) -> Path | None:
    """The root that pytest finds for the folders of tests alone; None where this pytest does not say."""
    option = config.option
    try:
        from _pytest.config.findpaths import determine_setup

        return determine_setup(
            inifile=option.inifilename,
            override_ini=option.override_ini,
            args=[arg for arg in option.file_or_dir if arg not in paths],
            rootdir_cmd_arg=option.rootdir or None,
            invocation_dir=config.invocation_params.dir,
        )[0]
    except (ImportError, TypeError, AttributeError):  # it is no public part of pytest
        return None
