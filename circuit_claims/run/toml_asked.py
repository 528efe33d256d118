"""What a claim of a `*.claims.toml` asks, read and checked as far as it can be without a model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from circuit_claims.clips.table import Table, nearest
from circuit_claims.judge import expectation as make
from circuit_claims.judge.bounds import BoundError, read
from circuit_claims.measure.questions.registry import LAYERS, OTHER_PAIRS, OWN_PAIRS, Question, questions

if TYPE_CHECKING:
    from circuit_claims.judge.expectation import Expectation

RANDOM = "random weights"
OTHER_CLASS = "other class"
OTHER_DONORS = ("third video", "noise write", OTHER_CLASS)
NECESSITY = "failure -> success"
_DEPTH = re.compile(r"(\d+(?:\.\d+)?)\s*%")
"""A layer by depth: ``"40 %"``, or within a site ``"mlp_out 40 %"``."""
ASSERTED = ("above", "below", "between", "exactly", "negligible", "anything")


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
    controls: tuple[str | Mapping[str, Any], ...]
    """Names, or the arguments in which a control of one's own differs."""
    log: bool
    published: float | str | None
    rounding: float | str

    def sample(self, circuit: Any, part: Mapping[str, Any], **changes: Any) -> Any:
        """Ask a circuit."""
        from circuit_claims.measure.errors import NotApplicable
        from circuit_claims.models.sites import parse_site

        arguments = {name: _filled(value, part) for name, value in {**self.arguments, **changes}.items()}
        for name, value in arguments.items():
            by_depth = name in self.sites or name in LAYERS
            if by_depth and isinstance(value, str) and (found := _DEPTH.search(value)):
                layer = circuit.at(float(found[1]) / 100)
                arguments[name] = layer
                if name in self.sites:
                    arguments[name] = replace(parse_site(_DEPTH.sub("0", value)), layer=layer)
        for name in self.sites:
            if isinstance(arguments[name], str):
                arguments[name] = parse_site(arguments[name])
            if arguments[name].layer >= circuit.facts.n_layers:
                raise NotApplicable(
                    f"the claim speaks of {arguments[name]}, and {circuit.name} has "
                    f"{circuit.facts.n_layers} layers"
                )
        measured = getattr(circuit, self.measure)(**arguments)
        return measured.log() if self.log else measured

    def controlled(self, circuit: Any, part: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the controls."""
        found: dict[str, Any] = {}
        for control in self.controls:
            if not isinstance(control, str):
                name = ", ".join(f"{name} = {_filled(value, part)}" for name, value in control.items())
                found[name] = self.sample(circuit, part, **control)
            elif control == RANDOM:
                found[control] = circuit.over_seeds(partial(self.sample, part=part))
            elif control in OTHER_PAIRS:
                found[f"same outcome: {control}"] = self.sample(circuit, part, pairs=control)
            else:
                found[control] = self.sample(circuit, part, direction=self._turned(control))
        return found

    def _turned(self, control: str) -> str:
        """A control of a donor in the direction that the claim asks in."""
        from circuit_claims.measure.controls import REVERSED

        return REVERSED.get(control, control) if self.arguments.get("direction") == NECESSITY else control


def asked_by(table: Table) -> Asked:
    """Read what a claim asks. Raises ManifestError."""
    from circuit_claims.measure.circuit import Circuit

    known = questions(Circuit)
    measure = table.choice("measure", sorted(known))
    question = known[measure]
    if question.in_python_only:
        raise table.error("measure", f"is {measure}, which takes several sites; write that claim in Python")
    arguments = table.table("with").values if "with" in table.values else {}
    over, values = _parts(table)
    if fault := question.argument_fault(arguments):
        first = next((name for name, one in question.parameters.items() if one.required), "")
        lacks = first and first not in arguments and fault.startswith(f"{measure} needs")
        raise table.error("with", f"{fault}; write with = {{ {first} = ... }}" if lacks else fault)
    if arguments.get("direction") == NECESSITY and OTHER_CLASS in table.values.get("controls", ()):
        raise table.error("controls", f"{OTHER_CLASS!r} has no counterpart for {NECESSITY}; leave it out")
    if over and not any(f"{{{over}}}" in str(value) for value in arguments.values()):
        word = "each" if "each" in table.values else "any"
        raise table.error(
            word, f"names {over}, which nothing uses; write {{{over}}} in `with`, or leave {word} out"
        )
    sites = tuple(name for name in arguments if question.parameters[name].kind == "site")
    controls = _controls(table, question)
    parts = [{over: value} for value in values] if over else [{}]
    for given in (arguments, *(one for one in controls if not isinstance(one, str))):
        word = "with" if given is arguments else "controls"
        _check_words(table, word, question, given, parts)
        _check_sites(table, word, [name for name in sites if name in given], given, parts)
    return Asked(
        table=table,
        measure=measure,
        arguments=arguments,
        sites=sites,
        over=over,
        values=values,
        expectation=_expectation(table),
        controls=controls,
        log=table.flag("log"),
        published=_bound(table, "published") if "published" in table.values else None,
        rounding=_bound(table, "rounding") if "rounding" in table.values else 0.0,
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


def _check_words(
    table: Table,
    word: str,
    question: Question,
    arguments: Mapping[str, Any],
    parts: Sequence[Mapping[str, Any]],
) -> None:
    """Refuse a word that the question does not know, in any part."""
    for name, written in arguments.items():
        for part in parts:
            value = _filled(written, part)
            fault = question.word_fault(name, value)
            if question.parameters[name].kind == "pairs" and value not in (
                pairs := (*OWN_PAIRS, *OTHER_PAIRS)
            ):
                fault = f"{name} is {value!r:.60}; {nearest(str(value), pairs)}"
            if fault:
                raise table.error(word, fault)


def _check_sites(
    table: Table,
    word: str,
    sites: Sequence[str],
    arguments: Mapping[str, Any],
    parts: Sequence[Mapping[str, Any]],
) -> None:
    from circuit_claims.models.sites import parse_site

    for name in sites:
        for part in parts:
            try:
                parse_site(_DEPTH.sub("0", str(_filled(arguments[name], part))))
            except ValueError as fault:
                raise table.error(word, f"{fault}; write {name} = 'mlp_out 4'") from None


def _expectation(table: Table) -> Expectation:
    named = [word for word in ASSERTED if word in table.values]
    if len(named) != 1:
        said = " and ".join(named) or "nothing"
        raise table.error(
            named[1] if named else "above", f"the claim asserts {said}; give it one of {', '.join(ASSERTED)}"
        )
    (word,) = named
    if "within" in table.values and word != "exactly":
        raise table.error("within", "belongs to exactly; leave it out")
    try:
        return _made(table, word)
    except BoundError as fault:
        raise table.error(word, str(fault)) from None


def _made(table: Table, word: str) -> Expectation:
    """The expectation of one word. Raises BoundError and ManifestError."""
    if word == "anything":
        return make.anything()
    bound = table.values[word]
    if word == "between":
        if not isinstance(bound, list) or len(bound) != 2:
            raise table.error("between", f"is {bound!r:.60}; write two numbers: between = [0.42, 0.61]")
        return make.between(*bound)
    if word == "exactly":
        return make.exactly(bound, table.values.get("within", 0.0))
    simple = {"above": make.above, "below": make.below, "negligible": make.negligible}
    return simple[word](bound)


def _bound(table: Table, key: str) -> float | str:
    """A number, per cent or factor under a key, checked."""
    written = table.values[key]
    try:
        read(written)
    except BoundError as fault:
        raise table.error(key, str(fault)) from None
    return written  # type: ignore[no-any-return]


def _controls(table: Table, question: Question) -> tuple[str | Mapping[str, Any], ...]:
    """Names of controls, and tables of the arguments in which a control of one's own differs."""
    named = table.values.get("controls", [])
    if not isinstance(named, list):
        raise table.error("controls", f"is {named!r:.60}; it has to be a list of names")
    possible = [RANDOM]
    possible += OTHER_PAIRS if "pairs" in question.parameters else ()
    possible += OTHER_DONORS if "direction" in question.parameters else ()
    for control in named:
        if isinstance(control, dict) and control:
            for name in control:
                if name not in question.parameters:
                    near = nearest(name, question.parameters)
                    raise table.error("controls", f"{question.name} takes no {name!r}; {near}")
        elif control not in possible:
            near = f"{nearest(str(control), possible)}; or change an argument, such as {{ layer = 2 }}"
            raise table.error("controls", f"{control!r:.60} is none of {question.name}; {near}")
    return tuple(named)
