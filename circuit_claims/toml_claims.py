"""Claims without Python: a measurement, a comparison and a number, in any `*.claims.toml`.

    [[claim]]
    id = "mlp-recovers-half"
    statement = "Patching a single MLP recovers more than half of the outcome signal."
    source = "our note, section 2"
    kind = "means"                              # exact | reproduces | means | forensic
    measure = "recovery"                        # a question of the `circuit` fixture
    with = { site = "mlp_out {layer}", metric = "projection" }
    each = { layer = [4, 5, 6] }                # or any = { ... }: a part for each value
    above = 0.5                                 # or one of ASSERTED
    published = 0.6                             # optional
    controls = ["noise", "other-clip", "third video", "random weights"]

A file becomes a pytest module of one test for each claim, which is parametrised, judged and recorded like
any other. What is wrong in it is said in one line, with exit status 4, before anything is measured.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from circuit_claims.clips.errors import ManifestError
from circuit_claims.clips.table import Table, nearest, read_toml

if TYPE_CHECKING:
    from pathlib import Path

    from circuit_claims.judge.expectation import Expectation
    from circuit_claims.session import ClaimSession

SUFFIX = ".claims.toml"
RANDOM = "random weights"
OTHER_PAIRS = ("noise", "other-clip")
OTHER_DONORS = ("third video", "noise write", "other class")
ASSERTED = ("above", "below", "between", "exactly", "negligible", "anything")
_KEYS = (
    *("id", "statement", "source", "kind", "scope", "measure", "with", "each", "any", "log", "controls"),
    *(*ASSERTED, "within", "published", "rounding"),
)


@dataclass(frozen=True)
class Asked:
    """A claim of the file, checked as far as it can be without a model."""

    table: Table
    measure: str
    """The method of `Circuit`."""
    arguments: Mapping[str, Any]
    """As written, `{layer}` and all."""
    sites: tuple[str, ...]
    """The arguments that are sites, as text."""
    over: str | None
    values: tuple[Any, ...]
    expectation: Expectation
    controls: tuple[str, ...]
    log: bool
    published: float | None
    rounding: float

    def sample(self, circuit: Any, part: Mapping[str, Any], **changes: Any) -> Any:
        """Ask a circuit."""
        from circuit_claims.measure.errors import NotApplicable
        from circuit_claims.models.sites import parse_site

        arguments = {name: _filled(value, part) for name, value in self.arguments.items()}
        for name in self.sites:
            arguments[name] = parse_site(arguments[name])
            if arguments[name].layer >= circuit.facts.n_layers:
                raise NotApplicable(
                    f"the claim speaks of {arguments[name]}, and {circuit.name} has "
                    f"{circuit.facts.n_layers} layers"
                )
        measured = getattr(circuit, self.measure)(**{**arguments, **changes})
        return measured.log() if self.log else measured

    def controlled(self, circuit: Any, part: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the controls."""
        found: dict[str, Any] = {}
        for control in self.controls:
            if control == RANDOM:
                found[control] = [self.sample(random, part) for random in circuit.random()]
            elif control in OTHER_PAIRS:
                found[f"same outcome: {control}"] = self.sample(circuit, part, pairs=control)
            else:
                found[control] = self.sample(circuit, part, direction=control)
        return found


class TomlClaims:
    """Collects `*.claims.toml`; registered by the plugin."""

    def __init__(self, session: ClaimSession) -> None:
        self._session = session

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
        """Make a module of a claims file; its faults are kept for the plugin to say."""
        if not file_path.name.endswith(SUFFIX):
            return None
        try:
            made = as_module(file_path)
        except ManifestError as fault:
            self._session.faults.append(str(fault))
            return None
        module: pytest.Module = pytest.Module.from_parent(parent, path=file_path)
        module.obj = made
        return module


def as_module(path: Path) -> types.ModuleType:
    """The file as a module of test functions that carry claims. Raises ManifestError."""
    top = Table(path, None, read_toml(path, f"a file of claims (NAME{SUFFIX})"))
    top.allow("claim")
    module = types.ModuleType(path.name.removesuffix(SUFFIX).replace("-", "_"))
    module.__file__ = str(path)
    for number, table in enumerate(top.tables("claim"), 1):
        function = _test(Table(path, f"claim {number}", table.values))
        if hasattr(module, function.__name__):
            raise ManifestError(path, f"claim {number}", "has the id and kind of an earlier one; rename it")
        setattr(module, function.__name__, function)
    return module


def _test(table: Table) -> Callable[..., None]:
    """The test function of one claim."""
    from circuit_claims.judge.claim import claim

    table = Table(table.path, f'claim "{table.text("id")}"', table.values)
    table.allow(*_KEYS)
    asked = _asked(table)
    kind = table.text("kind")
    try:
        marked = claim(
            table.text("id"),
            table.text("statement"),
            source=table.text("source"),
            kind=kind,
            scope=table.text("scope") if "scope" in table.values else "trained",
            each=asked.over if "each" in table.values else None,
            any=asked.over if "any" in table.values else None,
        )
    except ValueError as fault:
        raise ManifestError(table.path, table.where, f"{fault}; mend it") from None

    def judged(circuit: Any, judge: Any, **part: Any) -> None:
        judge(
            asked.sample(circuit, part),
            asked.expectation,
            published=asked.published,
            rounding=asked.rounding,
            controls=asked.controlled(circuit, part),
        )

    function = _with_parameter(judged, asked.over)
    function.__name__ = "test_" + "".join(c if c.isalnum() else "_" for c in f"{table.text('id')}_{kind}")
    function.__doc__ = table.text("statement")
    if asked.over:
        values = list(asked.values)
        parametrise = pytest.mark.parametrize(asked.over, values, ids=[f"{asked.over}{v}" for v in values])
        function = parametrise(function)
    return marked(function)


def _with_parameter(judged: Callable[..., None], over: str | None) -> Callable[..., None]:
    """The same with the parameter in its signature, which is what pytest parametrises."""

    def function(**arguments: Any) -> None:
        judged(**arguments)

    names = ("circuit", "judge", *([over] if over else []))
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return function


def _asked(table: Table) -> Asked:
    from circuit_claims.measure.circuit import Circuit

    questions = {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(Circuit, inspect.isfunction)
        if not name.startswith("_") and inspect.signature(method).return_annotation == "Sample"
    }
    measure = table.choice("measure", sorted(questions))
    takes = {name: p for name, p in questions[measure].parameters.items() if name != "self"}
    if any(parameter.annotation == "Sequence[Site]" for parameter in takes.values()):
        raise table.error("measure", f"is {measure}, which takes several sites; write that claim in Python")
    arguments = table.table("with").values if "with" in table.values else {}
    over, values = _parts(table)
    for name in arguments:
        if name not in takes:
            raise table.error("with", f"{measure} takes no {name!r}; {nearest(name, takes)}")
    lacking = [n for n, p in takes.items() if p.default is p.empty and n not in arguments]
    if lacking:
        raise table.error(
            "with", f"{measure} needs {', '.join(lacking)}; write with = {{ {lacking[0]} = ... }}"
        )
    sites = tuple(name for name in arguments if takes[name].annotation == "Site")
    _check_words(table, arguments)
    _check_sites(table, arguments, sites, over, values)
    return Asked(
        table=table,
        measure=measure,
        arguments=arguments,
        sites=sites,
        over=over,
        values=values,
        expectation=_expectation(table),
        controls=_controls(table, takes),
        log=table.flag("log"),
        published=table.number("published") if "published" in table.values else None,
        rounding=table.number("rounding") if "rounding" in table.values else 0.0,
    )


def _parts(table: Table) -> tuple[str | None, tuple[Any, ...]]:
    named = [word for word in ("each", "any") if word in table.values]
    if not named:
        return None, ()
    if len(named) == 2:
        raise table.error("any", "cannot stand beside each; a claim has one quantifier: leave one out")
    over = table.table(named[0]).values
    name, values = next(iter(over.items()), ("", []))
    plain = isinstance(values, list) and all(isinstance(value, int | str) for value in values)
    if len(over) != 1 or not name.isidentifier() or not plain or not values:
        raise table.error(named[0], "has to name one parameter and its values; write { layer = [4, 5, 6] }")
    if name in ("circuit", "judge"):
        raise table.error(named[0], f"cannot call its parameter {name!r}; take another word")
    return name, tuple(values)


def _filled(value: Any, part: Mapping[str, Any]) -> Any:
    """An argument with the part's value in the place of ``{layer}``."""
    for name, own in part.items():
        if value == f"{{{name}}}":
            return own
        if isinstance(value, str):
            value = value.replace(f"{{{name}}}", str(own))
    return value


def _check_words(table: Table, arguments: Mapping[str, Any]) -> None:
    from circuit_claims.measure.questions.base import PLACES
    from circuit_claims.measure.recovery import METRICS

    known = {
        "metric": METRICS,
        "readout": PLACES,
        "of": ("cls", "tokens"),
        "pairs": ("outcome", *OTHER_PAIRS),
    }
    for name, words in known.items():
        value = arguments.get(name)
        if value is not None and value not in words:
            raise table.error("with", f"{name} is {value!r:.60}; {nearest(str(value), words)}")


def _check_sites(
    table: Table,
    arguments: Mapping[str, Any],
    sites: tuple[str, ...],
    over: str | None,
    values: tuple[Any, ...],
) -> None:
    from circuit_claims.models.sites import parse_site

    for name in sites:
        for value in values or (None,):
            try:
                parse_site(str(_filled(arguments[name], {over: value} if over else {})))
            except ValueError as fault:
                raise table.error("with", f"{fault}; write {name} = 'mlp_out 4'") from None


def _expectation(table: Table) -> Expectation:
    from circuit_claims.judge import expectation as make

    named = [word for word in ASSERTED if word in table.values]
    if len(named) != 1:
        said = " and ".join(named) or "nothing"
        raise table.error(
            named[1] if named else "above", f"the claim asserts {said}; give it one of {', '.join(ASSERTED)}"
        )
    (word,) = named
    if "within" in table.values and word != "exactly":
        raise table.error("within", "belongs to exactly; leave it out")
    if word == "anything":
        return make.anything()
    if word == "between":
        ends = table.values["between"]
        if not isinstance(ends, list) or len(ends) != 2:
            raise table.error("between", f"is {ends!r:.60}; write two numbers: between = [0.42, 0.61]")
        low, high = (Table(table.path, table.where, {"between": end}).number("between") for end in ends)
        if not low < high:
            raise table.error(
                "between", f"is an empty range, {low:g} to {high:g}; the smaller number comes first"
            )
        return make.between(low, high)
    if word == "exactly":
        return make.exactly(
            table.number("exactly"), table.number("within") if "within" in table.values else 0.0
        )
    simple = {"above": make.above, "below": make.below, "negligible": make.negligible}
    return simple[word](table.number(word))


def _controls(table: Table, takes: Mapping[str, Any]) -> tuple[str, ...]:
    named = table.values.get("controls", [])
    if not isinstance(named, list):
        raise table.error("controls", f"is {named!r:.60}; it has to be a list of names")
    possible = [RANDOM]
    possible += OTHER_PAIRS if "pairs" in takes else ()
    possible += OTHER_DONORS if "direction" in takes else ()
    for name in named:
        if name not in possible:
            raise table.error("controls", f"{name!r:.60} is none of {table.text('measure')}; "
                              f"{nearest(str(name), possible)}")  # fmt: skip
    return tuple(named)
