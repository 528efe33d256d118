"""Beside other plugins and in other projects: workers, JUnit, warnings as errors, and not being wanted."""

import json
import re
import socket
import xml.etree.ElementTree as ET

import pytest

PLAIN = "def test_plain():\n    assert True\n"


# Not being noticed --------------------------------------------------------------------------------------


def test_a_session_without_claims_says_and_writes_nothing(pytester):
    pytester.makepyfile(PLAIN)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*circuit claims*")
    result.stdout.no_fnmatch_line("circuit-claims:*")
    assert {path.suffix for path in pytester.path.iterdir()} <= {".py", ""}
    assert not (pytester.path / "reports").exists()
    assert not (pytester.path / ".circuit-cache").exists()


def test_collect_only_writes_nothing_and_names_the_items(claims):
    claims.each_ends_in("supported", "refuted")
    result = claims.run("--collect-only", "-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["claims/test_claims.py::test_supported", "2 tests collected*"])
    result.stdout.no_fnmatch_line("circuit-claims:*")
    assert not claims.reports.exists()


def test_it_can_be_switched_off(pytester):
    pytester.makepyfile(PLAIN)
    result = pytester.runpytest_subprocess(
        "-p", "no:circuit_claims", "-p", "no:hypothesispytest", "--strict-markers"
    )
    result.assert_outcomes(passed=1)
    helped = pytester.runpytest_subprocess("-p", "no:circuit_claims", "-p", "no:hypothesispytest", "--help")
    helped.stdout.no_fnmatch_line("*--circuit-model*")


RERUNS = """
tries = []

@says("settles")
def test_settles(judge):
    tries.append(1)
    if len(tries) < 3:
        raise MemoryError("not yet")
    judge(sample(*SUPPORTED), above(0))

@says("refuted")
def test_refuted(judge):
    judge(sample(*REFUTED), above(0))
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_the_last_of_several_tries_counts(claims, workers):
    """pytest-rerunfailures runs a failed test again: the first try is no second judgement."""
    claims.write(RERUNS)
    result = claims.spawn("--reruns=2", "--junitxml=junit.xml", *workers)
    assert result.ret == 1
    assert [entry["verdict"] for entry in claims.report["claims"]] == ["supported", "refuted"]
    assert claims.entry("refuted")["record"]["drift"] == "unrecorded"
    cases = ET.parse(claims.pytester.path / "junit.xml").iter("testcase")
    said = {case.get("name"): len(case.findall("properties/property")) for case in cases}
    assert said == {"test_settles": 1, "test_refuted": 1}


def test_it_can_be_switched_on_by_name(claims, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    claims.each_ends_in("supported")
    result = claims.spawn("-p", "circuit_claims.plugin")
    assert result.ret == 0
    assert claims.entry("supported")["verdict"] == "supported"


def test_warnings_as_errors_and_strictness_change_nothing(claims, last_line):
    claims.each_ends_in("supported", "refuted", "inconclusive", "not applicable", "error")
    claims.pytester.makeini("[pytest]\nstrict = true\nfilterwarnings = error\n")
    result = claims.run("-W", "error", "--junitxml=junit.xml")
    assert last_line(result) == "2 failed, 1 passed, 1 skipped, 1 inconclusive"
    result.stdout.no_fnmatch_line("*Warning*")


def test_the_marker_is_registered(claims):
    claims.run("--markers").stdout.fnmatch_lines(["@pytest.mark.circuit_claim(claim): the claim that*"])


# What other tools read ----------------------------------------------------------------------------------


def test_junit_has_the_verdict_as_a_json_string(claims):
    claims.each_ends_in("supported", "inconclusive", "refuted")
    claims.run("--junitxml=junit.xml")
    cases = {case.get("name"): case for case in ET.parse(claims.pytester.path / "junit.xml").iter("testcase")}
    assert cases["test_inconclusive"].find("skipped") is not None
    assert cases["test_refuted"].find("failure") is not None
    for name, verdict in (("test_supported", "supported"), ("test_inconclusive", "inconclusive")):
        (found,) = [p for p in cases[name].iter("property") if p.get("name") == "circuit_claim"]
        said = json.loads(found.get("value"))
        assert said["verdict"]["outcome"] == verdict
        assert (said["schema"], said["version"]) == ("circuit-claims/result", 1)
        assert said["planned"]["claim"]["id"] == verdict
        assert len(said["evidence"]["values"]) == 5


def test_no_file_of_a_run_names_a_place_of_the_machine(claims):
    claims.write(
        "@says('lost')\ndef test_lost(judge):\n    raise OSError('/home/someone/clips/a.mp4: is empty')\n"
        f"@says('near')\ndef test_near(judge):\n    raise OSError('{claims.pytester.path}/a.mp4: is empty')\n"
    )
    claims.run("--junitxml=junit.xml")
    (lost, near) = claims.report["claims"]
    assert lost["sentence"] == "OSError: …/a.mp4: is empty"
    assert near["sentence"] == "OSError: a.mp4: is empty"
    properties = [p.get("value") for p in ET.parse(claims.pytester.path / "junit.xml").iter("property")]
    written = [*properties, *(path.read_text() for path in claims.reports.glob("latest.*"))]
    assert len(written) == 5
    for text in written:
        assert "someone" not in text
        assert str(claims.pytester.path) not in text
        assert socket.gethostname() not in text or len(socket.gethostname()) < 6


def test_github_gets_annotations_and_a_summary_where_it_asks_for_them(claims, monkeypatch):
    claims.each_ends_in("supported", "refuted")
    assert "::error" not in claims.run().stdout.str()
    summary = claims.pytester.path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    claims.run().stdout.fnmatch_lines(
        ["::error file=claims/test_claims.py,title=refuted/reproduces%3A refuted::Refuted, because *"]
    )
    assert "2 claims: 1 supported, 1 refuted" in summary.read_text()


def test_subtests_are_not_counted_as_verdicts(claims):
    claims.write(
        "@says('up')\ndef test_up(judge, subtests):\n"
        "    for layer in range(3):\n        with subtests.test(layer=layer):\n            assert layer < 9\n"
        "    judge(sample(*SUPPORTED), above(0))\n"
    )
    assert claims.run().ret == 0
    assert len(claims.report["claims"]) == 1
    assert len((claims.reports / ".journal.jsonl").read_text().splitlines()) == 1


def test_claims_of_a_class_and_with_other_parameters(claims):
    claims.write(
        "class TestPaper:\n"
        "    @says('up', each='layer', kind='exact')\n"
        "    @pytest.mark.parametrize('layer', [pytest.param(1, id='first'), 2])\n"
        "    def test_up(self, judge, layer):\n        judge(sample(layer), above(0))\n"
        "    @says('down', any='site', kind='exact')\n"
        "    @pytest.mark.parametrize('site, sign', [('a', 1), ('b', -1)])\n"
        "    def test_down(self, judge, site, sign):\n        judge(sample(sign), above(0))\n"
    )
    assert claims.run().ret == 0
    assert {e["claim"]: [p["part"] for p in e["parts"]] for e in claims.report["claims"]} == {
        "up": ["layer=1", "layer=2"],
        "down": ["site=a", "site=b"],
    }


# Several processes --------------------------------------------------------------------------------------


def test_workers_report_what_one_process_does(claims, last_line):
    claims.each_ends_in("supported", "refuted", "inconclusive", "not applicable", "error")
    claims.write(
        "@says('some', any='layer', kind='exact')\n@pytest.mark.parametrize('layer', range(4))\n"
        "def test_some(judge, layer):\n    judge(sample(layer), above(2))\n",
        "test_parts.py",
    )
    claims.record('[claims."refuted/reproduces"]\nverdict = "refuted"\nestimate = -3.0\n')
    one = claims.run()
    alone = claims.report
    two = claims.spawn("-n", "2", "--circuit-seed=0")
    merged = claims.report
    for report in (alone, merged):
        report["run"].pop("seconds")
        report["run"].pop("started")
        report["run"].pop("options")
    assert merged == alone
    assert two.ret == one.ret
    counts = [sorted(last_line(result).split(", ")) for result in (one, two)]
    assert counts[0] == counts[1], "in the order in which they came, which is any"
    two.stdout.fnmatch_lines(
        ["6 claims: *", "report: reports/latest.json, reports/latest.md, reports/latest.html"]
    )


def test_a_worker_names_the_options_in_the_command_that_runs_a_claim_again(claims):
    claims.each_ends_in("refuted")
    result = claims.spawn("-n", "1", "--circuit-seed=3", "--circuit-strict")
    result.stdout.fnmatch_lines(
        ["  again: pytest claims/test_claims.py::test_refuted --circuit-seed=3 --circuit-strict"]
    )


def test_a_worker_that_dies_leaves_the_run_incomplete(claims):
    claims.each_ends_in("supported")
    claims.write("import os\n@says('dies')\ndef test_dies(judge):\n    os._exit(1)\n", "test_dies.py")
    result = claims.spawn("-n", "1")
    assert result.ret in (1, 10)
    assert claims.entry("dies")["verdict"] == "incomplete"
    assert claims.report["run"]["complete"] is False
    assert claims.report["run"]["exit_status"] == 10
    result.stdout.fnmatch_lines(["lost: *"])
    assert claims.entry("supported")["verdict"] == "supported"


def test_an_interrupted_run_keeps_what_it_has_and_says_that_it_is_incomplete(claims):
    claims.each_ends_in("supported")
    claims.write("@says('stop')\ndef test_stop(judge):\n    raise KeyboardInterrupt\n", "test_stop.py")
    result = claims.spawn()
    assert result.ret == 2
    report = claims.report
    assert (report["run"]["complete"], report["summary"]) == (False, {"supported": 1, "incomplete": 1})


@pytest.mark.parametrize(
    "options", [[], ["--circuit-model", "organism", "--circuit-seed=3", "--circuit-strict"]]
)
def test_the_command_that_runs_a_claim_again_has_the_options_as_typed(claims, options):
    claims.each_ends_in("refuted")
    claims.record('[claims."refuted/reproduces"]\nverdict = "supported"\n')
    result = claims.run("-q", *options, "--circuit-record-add")
    (again,) = {line for line in result.outlines if "again:" in line}  # pytest repeats it where CI is set
    assert again.split("again: ")[1] == " ".join(["pytest claims/test_claims.py::test_refuted", *options])


def test_the_header_is_one_line(claims):
    claims.each_ends_in("supported")
    lines = [line for line in claims.run().outlines if line.startswith("circuit-claims")]
    assert len(lines) == 1
    assert re.fullmatch(r"circuit-claims: no model · cpu float32 · no pairs · seed 0 · record none", lines[0])
