"""What an item shows, and how the process ends, for every verdict."""

import pytest

REFUTED_ENTRY = """
[claims."refuted/reproduces"]
verdict = "refuted"
estimate = -3.0
bound = -1.0368
tolerance = 0.005
reason = "known since March"
"""


def test_every_verdict_has_its_letter_word_and_place_in_the_counts(claims, last_line):
    claims.each_ends_in("supported", "refuted", "inconclusive", "not applicable", "error")
    result = claims.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["claims/test_claims.py .F?sF*"])
    assert last_line(result) == "2 failed, 1 passed, 1 skipped, 1 inconclusive"
    result = claims.run("-v")
    result.stdout.fnmatch_lines(
        [
            "*::test_supported PASSED*",
            "*::test_refuted FAILED*",
            "*::test_inconclusive INCONCLUSIVE*",
            "*::test_not_applicable SKIPPED*",
            "*::test_error FAILED*",
        ]
    )


def test_the_table_counts_claims_and_names_the_report(claims):
    claims.each_ends_in("supported", "refuted", "inconclusive")
    result = claims.run()
    result.stdout.fnmatch_lines(
        [
            "circuit-claims: no model · cpu float32 · no pairs · seed 0 · record none",
            "*= circuit claims =*",
            "claims about the published tables (no model)",
            "refuted/reproduces * -300 % [[]-496.3 %, -103.7 %[]] n=5 * > 0 % * refuted (value)*",
            "1 supported claim is not shown (-v shows it).",
            "3 claims: 1 supported, 1 refuted, 1 inconclusive",
            "report: reports/latest.json, reports/latest.md, reports/latest.html",
        ]
    )


def test_a_refuted_claim_fails_with_its_numbers_and_no_traceback(claims):
    claims.each_ends_in("refuted")
    result = claims.run()
    result.stdout.fnmatch_lines(
        [
            "refuted/reproduces: REFUTED",
            "  claimed    The statement of refuted.",
            "  found      Refuted, because the number lies elsewhere. Observed -300 % *needs more than 0 %.",
            "  measured   recovery: -300 % [[]-496.3 %, -103.7 %[]] n=5",
            "  asserted   > 0 %",
            "  again: pytest claims/test_claims.py::test_refuted",
        ]
    )
    result.stdout.no_fnmatch_line("*def test_refuted*")


def test_an_exception_is_an_error_with_its_traceback(claims):
    claims.each_ends_in("error")
    result = claims.run()
    result.stdout.fnmatch_lines(["*MemoryError: 12 GB*"])
    assert result.ret == 1
    entry = claims.entry("error")
    assert (entry["verdict"], entry["reason"], entry["sentence"]) == (
        "error",
        "MemoryError",
        "MemoryError: 12 GB",
    )


def test_an_error_in_a_fixture_is_an_error_of_the_claim(claims):
    claims.write(
        "@pytest.fixture\ndef broken():\n    raise RuntimeError('no clips')\n"
        "@says('up')\ndef test_up(broken, judge):\n    judge(sample(1), above(0))\n"
    )
    assert claims.run().ret == 1
    assert claims.entry("up")["sentence"] == "RuntimeError: no clips"


def test_a_test_skipped_from_outside_has_no_verdict(claims, last_line):
    claims.write("@says('up')\n@pytest.mark.skip(reason='later')\ndef test_up(judge): ...\n")
    result = claims.run()
    assert last_line(result) == "1 skipped"
    assert claims.entry("up")["verdict"] == "incomplete"


# Exit statuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "args", "status"),
    [
        (["supported"], [], 0),
        (["supported", "inconclusive", "not applicable"], [], 0),
        (["supported", "inconclusive"], ["--circuit-strict"], 11),
        (["inconclusive"], [], 11),
        (["inconclusive"], ["--collect-only"], 0),
        (["supported", "refuted"], [], 1),
        (["supported", "error"], [], 1),
        (["inconclusive", "refuted"], ["--circuit-strict"], 1),
        (["supported"], ["-k", "nothing"], 5),
        (["supported"], ["--circuit-claim", "nothing"], 5),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
def test_exit_status(claims, outcomes, args, status):
    claims.each_ends_in(*outcomes)
    assert claims.run(*args).ret == status


def test_a_failing_test_that_is_no_claim_still_fails_the_run(claims):
    claims.each_ends_in("supported")
    claims.write("def test_plain():\n    assert 1 == 2\n", "test_not_a_claim.py")
    assert claims.run().ret == 1
    claims.each_ends_in("inconclusive")
    assert claims.run().ret == 1, "11 does not hide it"


def test_a_run_that_judged_nothing_leaves_the_last_report_alone(claims):
    claims.each_ends_in("supported")
    assert claims.run().ret == 0
    before = claims.report
    for args, status in (
        (["-k", "nothing"], 5),
        (["--circuit-claim", "nothing"], 5),
        (["--collect-only"], 0),
        (["--circuit-record-update", "-k", "nothing"], 4),
        (["--circuit-record-add", "-k", "nothing"], 5),
    ):
        assert claims.run(*args).ret == status
        assert claims.report == before, args
    claims.record("this is no TOML")
    assert claims.run().ret == 4
    assert claims.report == before


# Records ------------------------------------------------------------------------------------------------


def test_refuted_as_recorded_is_xfailed_with_both_words(claims, last_line):
    claims.each_ends_in("refuted", "supported")
    claims.record(REFUTED_ENTRY)
    result = claims.run("-v", "-rA")
    assert result.ret == 0
    assert last_line(result) == "1 passed, 1 xfailed"
    result.stdout.fnmatch_lines(
        [
            "*::test_refuted REFUTED, AS RECORDED*",
            "refuted/reproduces *refuted (value), as recorded*",
            "REFUTED, AS RECORDED claims/test_claims.py::test_refuted - refuted, as recorded",
        ]
    )
    assert claims.entry("refuted")["record"]["reason"] == "known since March"


def test_a_flip_fails_and_names_both_numbers_and_the_reason(claims):
    claims.each_ends_in("supported")
    claims.record(REFUTED_ENTRY.replace("refuted/", "supported/"))
    result = claims.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "supported/reproduces: recorded refuted, now supported (recorded -3, now 3)",
            "  record     recorded refuted, now supported (recorded -3, now 3)",
            "             reason on record: known since March",
            "1 claim: 1 supported; 1 differs from the record",
        ]
    )


def test_an_estimate_that_moved_fails_and_names_both_numbers(claims):
    claims.each_ends_in("refuted")
    claims.record(REFUTED_ENTRY.replace("-3.0", "-3.25"))
    result = claims.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*but the estimate moved: recorded -3.25, now -3 (tolerance 0.005)"])


def test_a_borderline_flip_passes_with_a_warning(claims):
    claims.each_ends_in("supported")
    text = REFUTED_ENTRY.replace("refuted/", "supported/").replace("-3.0", "3.0").replace("-1.0", "1.0")
    claims.record(text)
    result = claims.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["warning: *supported/reproduces: borderline: recorded refuted, now supported*"]
    )


def test_inconclusive_where_the_record_is_supported_fails(claims):
    claims.each_ends_in("inconclusive")
    claims.record('[claims."inconclusive/reproduces"]\nverdict = "supported"\nestimate = 0.9\n')
    result = claims.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*recorded supported, now inconclusive (recorded 0.9, now 0.2)"])


def test_strict_accepts_an_inconclusive_that_is_recorded(claims):
    claims.each_ends_in("inconclusive", "supported")
    claims.record('[claims."inconclusive/reproduces"]\nverdict = "inconclusive"\n')
    assert claims.run("--circuit-strict").ret == 0


def test_none_gives_the_bare_verdicts(claims):
    claims.each_ends_in("refuted")
    claims.record(REFUTED_ENTRY)
    assert claims.run().ret == 0
    assert claims.run("--circuit-record", "none").ret == 1
    assert claims.entry("refuted")["record"]["drift"] == "unrecorded"


def test_a_stale_entry_is_missed_by_a_full_run_only(claims):
    claims.each_ends_in("supported", "refuted")
    claims.record(REFUTED_ENTRY + '[claims."gone/means"]\nverdict = "supported"\n')
    result = claims.run()
    assert result.ret == 10
    result.stdout.fnmatch_lines(["recorded, but not judged by this full run: paper: gone/means"])
    selections = (["-k", "supported"], ["-x"], ["--circuit-claim", "supp*"], ["-m", "not slow"])
    assert [claims.run(*selection).ret for selection in selections] == [0, 0, 0, 0]
    assert claims.pytester.runpytest_inprocess("claims/test_claims.py::test_supported").ret == 0


# Quantified claims --------------------------------------------------------------------------------------

PARTS = """
@says("some", {quantifier}="layer", kind="exact")
@pytest.mark.parametrize("layer", [4, 5, 6])
def test_some(judge, layer):
    judge(sample(layer), {expectation})
"""


def quantified(claims, quantifier, expectation):
    claims.write(PARTS.format(quantifier=quantifier, expectation=expectation))


def test_parts_make_the_claims_verdict_at_the_end(claims, last_line):
    quantified(claims, "each", "above(3)")
    assert claims.run().ret == 0
    entry = claims.entry("some")
    assert (entry["verdict"], entry["quantifier"], entry["expected_parts"]) == ("supported", "each layer", 3)
    assert [p["part"] for p in entry["parts"]] == ["layer=4", "layer=5", "layer=6"]
    assert [p["verdict"] for p in entry["parts"]] == ["supported"] * 3

    quantified(claims, "each", 'above("400 %")')
    result = claims.run()
    assert (result.ret, last_line(result)) == (1, "1 failed, 2 passed")
    assert claims.entry("some")["verdict"] == "refuted"


def test_a_refuted_part_of_a_supported_any_claim_fails_nothing(claims, last_line):
    quantified(claims, "any", 'above("500 %")')
    result = claims.run("-v")
    assert (result.ret, last_line(result)) == (0, "1 passed, 2 refuted part")
    result.stdout.fnmatch_lines(["*test_some[[]4[]] REFUTED PART*", "*some/exact*supported*"])
    assert claims.run().outlines[-1].count("failed") == 0
    claims.run().stdout.fnmatch_lines(["claims/test_claims.py rr.*"])


def test_any_claim_without_a_supported_part_is_refuted(claims, last_line):
    quantified(claims, "any", 'above("900 %")')
    result = claims.run()
    assert (result.ret, last_line(result)) == (1, "3 refuted part")
    result.stdout.fnmatch_lines(["some/exact*refuted*"])


@pytest.mark.parametrize(
    "selection", [["-k", "4 or 5"], ["--deselect", "claims/test_claims.py::test_some[6]"]]
)
def test_a_selection_leaves_the_claim_incomplete_and_decides_nothing(claims, selection):
    quantified(claims, "each", "above(3)")
    claims.record('[claims."some/exact"]\nverdict = "refuted"\n')
    assert claims.run(*selection).ret == 0
    entry = claims.entry("some")
    assert (entry["verdict"], entry["sentence"]) == ("incomplete", "1 of 3 parts were not judged.")


def test_a_part_is_held_against_its_own_record(claims, last_line):
    quantified(claims, "each", 'above("400 %")')
    claims.record(
        '[claims."some/exact"]\nverdict = "refuted"\n'
        '[claims."some/exact".parts]\n"layer=4" = {verdict = "refuted"}\n"layer=5" = {verdict = "refuted"}\n'
    )
    result = claims.run()
    assert (result.ret, last_line(result)) == (1, "1 failed, 1 passed, 1 xfailed")
    result.stdout.fnmatch_lines(
        ["some/exact (layer=5): recorded refuted, now supported*", "*The statement of some.*"]
    )


# Misuse -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("pass", "The test ended without calling `judge`."),
        ("judge(sample(1), above(0)); judge(sample(2), above(0))", "RuntimeError: *judges twice; give the*"),
        ("judge(sample(float('nan')), above(0))", "ValueError: *holds nan, which is not a number to judge"),
        ("judge(sample(1), above(0)); assert 1 == 2", "AssertionError: *"),
    ],
    ids=["never", "twice", "nan", "fails afterwards"],
)
def test_a_test_that_does_not_judge_once_is_an_error(claims, body, said):
    from fnmatch import fnmatch

    claims.write(f"@says('up')\ndef test_up(judge):\n    {body}\n")
    assert claims.run().ret == 1
    entry = claims.entry("up")
    assert entry["verdict"] == "error"
    assert fnmatch(entry["sentence"], said)


def test_judge_without_a_claim_says_what_is_missing(claims):
    claims.write("def test_up(judge):\n    judge(sample(1), above(0))\n")
    result = claims.run()
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*test_up uses `judge`, but carries no @claim*"])


def test_a_claim_over_an_unknown_argument_is_refused(claims):
    claims.write(
        "@says('up', each='layer')\n@pytest.mark.parametrize('head', [1])\ndef test_up(judge, head): ...\n"
    )
    result = claims.run()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *claim 'up' is over 'layer', which the test does not parametrise"])


def test_one_key_judged_twice_is_refused(claims):
    claims.write("@says('up')\ndef test_a(judge): ...\n@says('up')\ndef test_b(judge): ...\n")
    result = claims.run()
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        [
            "ERROR: *::test_b: claim 'up/reproduces' is judged by *::test_a already; give one of them "
            "another id"
        ]
    )


def test_one_id_may_have_two_kinds(claims):
    claims.write(
        "@says('up')\ndef test_a(judge):\n    judge(sample(*SUPPORTED), above(0))\n"
        "@says('up', kind='means')\ndef test_b(judge):\n"
        "    judge(sample(*SUPPORTED), above(0), controls={'noise': sample(0, 0, 0, 0, 0)})\n"
    )
    assert claims.run().ret == 0
    assert [(e["key"], e["verdict"]) for e in claims.report["claims"]] == [
        ("up/reproduces", "supported"),
        ("up/means", "supported"),
    ]


def test_claims_are_selected_by_id_or_key(claims):
    claims.each_ends_in("supported", "refuted")
    assert claims.run("--circuit-claim", "supp*").ret == 0
    assert claims.run("--circuit-claim", "supported/reproduces").ret == 0
    assert claims.run("--circuit-claim", "*/means").ret == 5
    result = claims.run("--circuit-claim", "supported")
    result.stdout.fnmatch_lines(["*1 passed, 1 deselected*"])
