"""``circuit-claims pair add | remove | check | list``: clips become pairs that claims can be judged on."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from circuit_claims.judge.counted import counted

MANIFEST = "pairs.toml"
JITTER = 2
"""Source frames by which the cut of a made control is moved."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    pair = commands.add_parser("pair", help="add or remove a pair of clips, check all pairs, or list them")
    doing = pair.add_subparsers(dest="doing", required=True, metavar="add|remove|check|list")
    adding = doing.add_parser("add", help="check two clips and write them into the manifest")
    adding.add_argument("name", metavar="NAME", help="what the pair is called, such as golf-putt-1")
    adding.add_argument("success", metavar="SUCCESS", help="the clip in which the action succeeds")
    adding.add_argument(
        "failure",
        metavar="FAILURE",
        help="the clip in which it fails (a file, or hf://datasets/OWNER/NAME/FILE)",
    )
    adding.add_argument("--action", required=True, metavar="TEXT", help="what is done in both: 'golf putt'")
    adding.add_argument("--label", metavar="TEXT", help="the model's own label for the action")
    adding.add_argument(
        "--control",
        choices=("noise", "other-clip"),
        help="the two clips show the same outcome: under other noise, or in another clip",
    )
    adding.add_argument(
        "--make-control",
        action="store_true",
        help="also add a control made from SUCCESS: its cut moved, and encoded again",
    )
    adding.add_argument(
        "--jitter", type=_positive, default=JITTER, metavar="N", help="of that control (default: %(default)s)"
    )
    adding.add_argument(
        "--outcome-frame",
        type=_count,
        metavar="N",
        help="the first frame (of SUCCESS) in which the two may differ",
    )
    adding.add_argument(
        "--every",
        type=_step,
        metavar="TIME",
        help="sample by time, with this step (such as 0.08s or 80ms): for clips whose frame rates differ; "
        "of a new manifest, or of this pair alone",
    )
    adding.add_argument(
        "--start",
        type=_starts,
        metavar="N[,M]",
        help="the source frame that the windows begin with or, by time, when they begin (1.2s); with a "
        "comma, of SUCCESS and of FAILURE",
    )
    adding.add_argument(
        "--rule",
        choices=("stride", "notebook"),
        help="how a new manifest samples (notebook: the paper's way)",
    )
    adding.add_argument(
        "--frames", type=_positive, metavar="N", help="the model's window, for a new manifest"
    )
    adding.add_argument("--stride", type=_positive, metavar="N", help="source frames from one to the next")
    adding.add_argument("--model", metavar="NAME", help="also say how this model labels the two clips")
    adding.add_argument("--reference", action="store_true", help="name the clips where they are; copy none")
    adding.add_argument("--strip", type=Path, metavar="FILE", help="where the frame strip goes (a PNG)")
    removing = doing.add_parser("remove", help="take pairs out of the manifest; their clips stay")
    removing.add_argument("names", nargs="+", metavar="NAME", help="what the pair is called")
    checking = doing.add_parser("check", help="decode every clip, and compare it with the manifest")
    listing = doing.add_parser("list", help="name the pairs of the manifest")
    for parser in (adding, removing, checking, listing):
        parser.add_argument(
            "--circuit-pairs",
            metavar="FILE",
            help=f"the manifest (default: {MANIFEST}, or claims/{MANIFEST})",
        )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no frame: give a whole number, 0 or more")
    return int(text)


def _positive(text: str) -> int:
    if _count(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is too small: give 1 or more")
    return int(text)


def _starts(text: str) -> tuple[int, int] | tuple[Decimal, Decimal]:
    """Two source frames or two times, from one or two."""
    first, _, second = text.partition(",")
    both = first, second or first
    if all(one.isdecimal() for one in both):
        return _count(both[0]), _count(both[1])
    try:
        return _time(both[0]), _time(both[1])
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error} (or a source frame such as 12)") from None


def _time(text: str) -> Decimal:
    from circuit_claims.clips.seconds import in_words, seconds

    try:
        time = seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if time < 0:
        raise argparse.ArgumentTypeError(
            f"is {in_words(time)}, before the clip's first frame; give 0s or more"
        )
    return time


def _step(text: str) -> Decimal:
    if _time(text) == 0:
        raise argparse.ArgumentTypeError("is 0 s; give more than 0s")
    return _time(text)


def run(options: argparse.Namespace) -> int:
    """Run the command. Raises what `faults()` names."""
    from circuit_claims.commands.pair_add import add_pair
    from circuit_claims.commands.pair_remove import remove_pairs

    manifest = manifest_here(options.circuit_pairs)
    doing = {"add": add_pair, "remove": remove_pairs, "check": _check, "list": _list}
    return doing[options.doing](manifest, options)


def faults() -> tuple[type[Exception], ...]:
    """Faults of the user's input, which explain themselves."""
    from circuit_claims.clips.errors import ClipError, ManifestError
    from circuit_claims.clips.remote import RemoteError
    from circuit_claims.clips.sampling import SamplingError
    from circuit_claims.models.source import ModelError

    return ClipError, ManifestError, RemoteError, SamplingError, ModelError


def manifest_here(named: str | None) -> Path:
    """The manifest that was named, or the one that is here."""
    if named:
        return Path(named)
    here, claims = Path(MANIFEST), Path("claims") / MANIFEST
    return claims if claims.exists() and not here.exists() else here


# check and list ------------------------------------------------------------------------------------------


def _check(manifest: Path, _options: argparse.Namespace) -> int:
    """Verify every pair, and say all that is wrong, not the first thing only."""
    from circuit_claims.clips.comparing import compare
    from circuit_claims.clips.decode import Decoder
    from circuit_claims.clips.inspecting import inspect
    from circuit_claims.clips.pairs import load_pairs, verify_hashes
    from circuit_claims.clips.remarks import warnings

    pairs = load_pairs(manifest)
    bad, refused = 0, faults()
    with Decoder() as decoder, Decoder() as another:
        for pair in pairs.pairs:
            try:
                verify_hashes(replace(pairs, pairs=(pair,)))
                one, other = (
                    inspect(clip.path, pairs.sampling_of(pair, clip), decoder)
                    for clip in (pair.positive, pair.negative)
                )
                compared = compare(one, other, (decoder, another), pair.outcome_frame)
            except refused as fault:
                bad += 1
                print(f"{pair.name}: {fault}", file=sys.stderr)
                continue
            print(f"{pair.name}: good ({one.at})")
            for warning in warnings(one, other, compared, pair.outcome_frame):
                print(f"  warning: {warning}")
    total = len(pairs.pairs)
    print(f"{total - bad} of {counted(total, 'pair')} {'is' if total == 1 else 'are'} good")
    return 4 if bad else 0


def _list(manifest: Path, _options: argparse.Namespace) -> int:
    from circuit_claims.clips.pairs import load_pairs

    rows(load_pairs(manifest))
    return 0


def rows(pairs: Any) -> None:
    """Print the pairs of a set as a table."""
    from circuit_claims.clips.errors import shown
    from circuit_claims.commands.tables import print_table

    said = [
        (p.name, p.control or p.kind, p.action, p.positive.path.name, p.negative.path.name)
        for p in pairs.pairs
    ]
    print_table(
        ("pair", "kind", "action", "success", "failure"), [tuple(shown(word) for word in row) for row in said]
    )
