"""The marker that makes a test function judge a claim."""

import pytest

from circuit_claims.judge.claim import MARKER, claim
from circuit_claims.types import Claim, Kind, Quantifier, Scope


def marked(**settings: str) -> Claim:
    @claim("mlp-42-60", "An MLP recovers.", **{"source": "E3", "kind": "means", **settings})
    def test_it() -> None: ...

    (mark,) = test_it.pytestmark
    assert mark.name == MARKER
    made: Claim = mark.args[0]
    return made


def test_a_claim_carries_what_its_decorator_was_told():
    assert marked() == Claim("mlp-42-60", "An MLP recovers.", "E3", Kind.MEANS, Scope.TRAINED, None, None)


def test_key_names_id_and_kind_so_that_one_id_has_two_readings():
    assert marked().key == "mlp-42-60/means"
    assert marked(kind="reproduces").key == "mlp-42-60/reproduces"


@pytest.mark.parametrize(("word", "quantifier"), [("each", Quantifier.EACH), ("any", Quantifier.ANY)])
def test_a_quantifier_names_the_argument_it_is_over(word, quantifier):
    made = marked(**{word: "layer"})
    assert (made.quantifier, made.over) == (quantifier, "layer")


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("scope", list(Scope))
def test_every_kind_and_scope_is_accepted(kind, scope):
    made = marked(kind=str(kind), scope=str(scope))
    assert (made.kind, made.scope) == (kind, scope)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "mean"}, "kind 'mean' is none of exact, reproduces, means, forensic"),
        ({"scope": "all"}, "scope 'all' is none of trained, negative, exact"),
        ({"each": "layer", "any": "head"}, "give `each` or `any`, not both"),
    ],
)
def test_an_unknown_word_is_refused_with_the_known_ones(settings, said):
    with pytest.raises(ValueError, match=said):
        marked(**settings)


@pytest.mark.parametrize("id", ["", " ", "mlp/42"])
def test_an_id_that_would_break_the_key_is_refused(id):
    with pytest.raises(ValueError, match="an id is a word without '/'"):
        claim(id, "Something.", source="E3", kind="exact")
