import pytest

from circuit_claims.models.sites import Site, attn_out, mlp_out, parse_site, resid_mid, resid_post, resid_pre


@pytest.mark.parametrize("site", [attn_out(4), mlp_out(0), resid_pre(0), resid_mid(11), resid_post(3)])
def test_a_site_reads_back_from_its_key_and_from_its_name(site: Site) -> None:
    assert parse_site(site.key) == site
    assert parse_site(str(site)) == site


def test_names_are_those_of_the_field() -> None:
    assert str(attn_out(4)) == "attn_out 4"
    assert mlp_out(4).key == "mlp_out.4"


def test_writes_and_streams_are_told_apart() -> None:
    assert [make(0).is_write for make in (attn_out, mlp_out)] == [True, True]
    assert [make(0).is_write for make in (resid_pre, resid_mid, resid_post)] == [False, False, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [("mlp_out", "mlp_out.4"), ("mlp_out.x", "mlp_out.4"), ("output.3", "the kinds are"), ("", "mlp_out.4")],
)
def test_a_wrong_site_is_answered_with_what_is_meant(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_site(text)


def test_layers_are_counted_from_zero() -> None:
    with pytest.raises(ValueError, match="counted from 0"):
        attn_out(-1)
