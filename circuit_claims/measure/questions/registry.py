"""The registry of questions: what a claim can ask of a circuit, and what each parameter may be.

A question is a public method of `Circuit` that answers with a `Sample`. Its signature says the parameters;
here is what their names stand for. Python, `*.claims.toml` and `circuit-claims list questions` read it, and
refuse in the same words.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from circuit_claims.clips.table import nearest
from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.grid import HOW, is_own_region, parse_region
from circuit_claims.measure.recovery import METRICS
from circuit_claims.models.sites import Site

LAYERS = ("layer", "first", "last", "start", "end")
"""Parameters that are a layer's number."""
STREAMS = ("cls", "tokens")
OTHER_PAIRS = ("noise", "other-clip")
"""Controls that are pairs of their own, by the names that manifests usually give them."""
OWN_PAIRS = ("outcome", "one an action")
WORDS = "circuit_words"
"""Where a method keeps the words that `words` declared."""
PLACES = ("summary", "cls", "tokens")
CLIPS = ("success", "failure")

Asked = TypeVar("Asked", bound=Callable[..., Any])
Owner = TypeVar("Owner", bound=type)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a question."""

    name: str
    kind: str
    """`site`, `sites`, `layer`, `layers`, `head`, `region`, `pairs`, `word`, `text`, `number` or `flag`."""
    words: tuple[str, ...] = ()
    default: Any = None
    required: bool = False

    @property
    def may_be(self) -> str:
        """What it may be, for a person."""
        said = {
            "region": ", ".join(("rows 0 to 6, columns 2 to 9, frames 50 % to 100 %", *self.words)),
            "site": "a site, such as mlp_out 4",
            "sites": "several sites",
            "layer": "a layer",
            "layers": "several layers",
            "head": "a head",
            "pairs": "outcome, or the manifest's controls (noise, other-clip)",
            "flag": "true or false",
            "number": "a number",
            "text": "a text",
        }
        return ", ".join(self.words) if self.words and self.kind != "region" else said[self.kind]


@dataclass(frozen=True)
class Question:
    """What a claim can ask."""

    name: str
    says: str
    """What the answer is, in one line."""
    parameters: Mapping[str, Parameter]

    @property
    def in_python_only(self) -> bool:
        """Whether it takes several sites, which a claim without Python cannot name."""
        return any(one.kind == "sites" for one in self.parameters.values())

    def argument_fault(self, names: Any) -> str:
        """What is wrong with the names of the arguments; empty where nothing is."""
        for name in names:
            if name not in self.parameters:
                return f"{self.name} takes no {name!r}; {nearest(name, self.parameters)}"
        lacking = [one.name for one in self.parameters.values() if one.required and one.name not in names]
        return f"{self.name} needs {', '.join(lacking)}" if lacking else ""

    def word_fault(self, name: str, value: Any) -> str:
        """What is wrong with a word; empty where nothing is."""
        words = self.parameters[name].words
        if not words or value in words:
            return ""
        if self.parameters[name].kind == "region":
            return _region_fault(value, words)
        return f"{name} is {value!r:.60}; {nearest(str(value), words)}"


def _region_fault(value: Any, words: Iterable[str]) -> str:
    """What is wrong with a region that is none of the names; empty where nothing is."""
    if not is_own_region(value):
        return f"region is {value!r:.60}; {nearest(str(value), words)}; or {HOW}"
    try:
        parse_region(value)
    except ValueError as fault:
        return str(fault)
    return ""


def words(**known: Iterable[str]) -> Callable[[Asked], Asked]:
    """Declare which words a question's parameters may be, where their names and annotations do not say it."""

    def declared(method: Asked) -> Asked:
        method.__dict__[WORDS] = {name: tuple(those) for name, those in known.items()}
        return method

    return declared


def question(name: str, method: Callable[..., Any]) -> Question:
    """Read a question from its method."""
    signature = inspect.signature(method)
    taken = [
        one for one in signature.parameters.values() if one.name != "self" and one.kind is not one.VAR_KEYWORD
    ]
    says = (inspect.getdoc(method) or "").split("\n\n")[0].replace("\n", " ")
    stated = getattr(method, WORDS, {})
    return Question(name, says, {one.name: _parameter(one, stated.get(one.name, ())) for one in taken})


def _parameter(one: inspect.Parameter, words: tuple[str, ...]) -> Parameter:
    stated = str(one.annotation)
    literal = re.fullmatch(r"Literal\[(.*)\]", stated)
    known = {"metric": tuple(METRICS), "readout": PLACES, "direction": tuple(CONTROLS), "clip": CLIPS}
    if words:
        pass
    elif literal:
        words = tuple(re.findall(r"'([^']*)'", literal[1]))
    elif one.name in known:
        words = known[one.name]
    elif one.name == "of" and one.default in STREAMS:
        words = STREAMS
    if one.name == "region":
        kind = "region"
    elif words:
        kind = "word"
    elif one.name == "pairs":
        kind = "pairs"
    elif stated == "Site":
        kind = "site"
    elif "Site" in stated:
        kind = "sites"
    elif one.name in LAYERS and stated == "int" and one.kind is not one.VAR_POSITIONAL:
        kind = "layer"
    elif one.name == "layers":
        kind = "layers"
    elif one.name == "head":
        kind = "head"
    else:
        kind = {"bool": "flag", "int": "number", "float": "number"}.get(stated, "text")
    required = one.default is one.empty and one.kind is not one.VAR_POSITIONAL
    return Parameter(one.name, kind, words, None if one.default is one.empty else one.default, required)


def questions(of: type) -> dict[str, Question]:
    """Every question of a class, by name; what takes other questions, or their answers, is none itself."""
    return {
        name: question(name, method)
        for name, method in inspect.getmembers(of, inspect.isfunction)
        if not name.startswith("_") and _asks_the_model(inspect.signature(method))
    }


def _asks_the_model(signature: inspect.Signature) -> bool:
    takes = " ".join(str(one.annotation) for one in signature.parameters.values())
    return signature.return_annotation == "Sample" and "Callable" not in takes and "Mapping" not in takes


def checked(of: Owner) -> Owner:
    """A class whose questions refuse what does not exist, before anything is measured."""
    for name in questions(of):
        setattr(of, name, _checking(getattr(of, name)))
    return of


def _checking(method: Asked) -> Asked:
    """The same question, its arguments checked first.

    It raises MeasurementError for a name or a word that there is not, with the nearest that there is, and
    NotApplicable for a layer or a head that the model lacks.
    """
    signature = inspect.signature(method)
    known = question(method.__name__, method)
    open_ended = any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())

    @wraps(method)
    def asked(self: Any, *args: Any, **how: Any) -> Any:
        unknown = "" if open_ended else known.argument_fault([*how, *list(known.parameters)[: len(args)]])
        if unknown:
            raise MeasurementError(unknown)
        for name, value in {**dict(zip(known.parameters, args, strict=False)), **how}.items():
            if name in known.parameters:
                _refuse(self, known, known.parameters[name], value)
        return method(self, *args, **how)

    return asked  # type: ignore[return-value]


def _refuse(circuit: Any, asked: Question, parameter: Parameter, value: Any) -> None:
    """Refuse a value that the parameter cannot have, or that this model lacks."""
    if fault := asked.word_fault(parameter.name, value):
        raise MeasurementError(fault)
    if parameter.kind == "pairs" and value not in (*OWN_PAIRS, *OTHER_PAIRS):
        there = circuit.kinds_of_pairs()
        if value not in there:
            raise MeasurementError(f"{parameter.name} is {value!r:.60}; {nearest(str(value), there)}")
    if parameter.kind == "site":
        if not isinstance(value, Site):
            raise MeasurementError(f"{parameter.name} is {value!r:.60}; write mlp_out(4)")
        _refuse_number(circuit, "layer", value.layer, circuit.facts.n_layers)
    elif parameter.kind == "layer":
        _refuse_number(circuit, "layer", value, circuit.facts.n_layers)
    elif parameter.kind == "head":
        _refuse_number(circuit, "head", value, circuit.facts.n_heads)


def _refuse_number(circuit: Any, what: str, value: Any, there: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        more = ", or circuit.at(0.4) for a depth" if what == "layer" else ""
        raise MeasurementError(f"{what} is {value!r:.60}; write a whole number{more}")
    if value < 0:
        raise MeasurementError(f"{what} is {value}; {what}s are counted from 0, the last is {there - 1}")
    if value >= there:
        raise NotApplicable(
            f"the claim speaks of {what} {value}, and {circuit.name} has {what}s 0 to {there - 1}"
        )
