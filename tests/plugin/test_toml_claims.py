"""Claims without Python: the same verdicts as in Python, and faults that say file, place and remedy."""

import json

import pytest

ONE = """
[[claim]]
id = "{id}"
statement = "A statement."
source = "written by hand"
kind = "reproduces"
{rest}
"""
RECOVERY = 'measure = "recovery"\nwith = { site = "mlp_out 0" }\n'


def write(on_models, *claims, name="mine.claims.toml"):
    """A file of claims; the Python ones are left out."""
    (on_models.folder / "test_claims.py").unlink(missing_ok=True)
    path = on_models.folder / name
    path.write_text("".join(ONE.replace("{id}", id).replace("{rest}", rest) for id, rest in claims))
    return path


def refused(on_models, *claims):
    write(on_models, *claims)
    result = on_models.run(*on_models.options())
    assert result.ret == 4
    (line,) = [line for line in result.errlines if line.strip()]
    assert line.startswith("ERROR: ")
    assert "mine.claims.toml: " in line
    assert not on_models.reports.exists()
    return line


def test_a_claim_in_toml_is_the_claim_in_python(on_models):
    on_models.write(
        "from circuit_claims import mlp_out\n"
        '@says("python", each="layer")\n'
        '@pytest.mark.parametrize("layer", [0, 1])\n'
        "def test_python(circuit, judge, layer):\n"
        '    judge(circuit.recovery(mlp_out(layer), metric="cosine"), above(-3.0), published=0.5)\n'
    )
    toml = 'measure = "recovery"\nwith = { site = "mlp_out {layer}", metric = "cosine" }\n'
    toml += "each = { layer = [0, 1] }\nabove = -3\npublished = 0.5"
    (on_models.folder / "mine.claims.toml").write_text(ONE.replace("{id}", "toml").replace("{rest}", toml))
    result = on_models.run(*on_models.options())
    result.assert_outcomes(passed=4)
    python, toml = on_models.entry("python"), on_models.entry("toml")
    for key in ("verdict", "measurements", "kind", "scope"):
        assert python[key] == toml[key]
    assert [part["part"] for part in toml["parts"]] == ["layer=0", "layer=1"]
    assert toml["nodeids"][0].startswith("claims/mine.claims.toml::test_toml_reproduces[")


def test_every_comparison(on_models):
    asserted = {
        "above": 'above = "-10000 %"',
        "below": 'below = "10050 %"',
        "between": 'between = ["-10000 %", "10000 %"]',
        "exactly": 'exactly = "0 %"\nwithin = "10000 %"',
        "negligible": 'negligible = "10000 %"',
    }
    write(on_models, *((word, RECOVERY + line) for word, line in asserted.items()))
    on_models.run(*on_models.options()).assert_outcomes(passed=5)


def test_a_region_and_controls_of_ones_own(on_models):
    """A token region, held against another one, another layer and another head, without Python."""
    part = 'measure = "recovery_in"\nwith = { site = "attn_out {layer}", region = "frames 50 % to 100 %" }\n'
    part += 'below = "9900 %"\ncontrols = [{ region = "frames 0 % to 50 %" }, { site = "mlp_out {layer}" }]\n'
    part += "each = { layer = [0, 1] }"
    head = 'measure = "head_recovery"\nwith = { layer = 1, head = 0 }\nbelow = "9900 %"\n'
    head += 'controls = [{ head = 1 }, "third video"]'
    write(on_models, ("part", part), ("head", head))
    on_models.run(*on_models.options())
    first, second = on_models.entry("part")["measurements"]
    assert [one["name"] for one in first["controls"]] == ["region = frames 0 % to 50 %", "site = mlp_out 0"]
    assert second["controls"][1]["name"] == "site = mlp_out 1"
    (measured,) = on_models.entry("head")["measurements"]
    assert [one["name"] for one in measured["controls"]] == ["head = 1", "third video"]


def test_a_part_that_the_model_has_not_is_not_applicable(on_models):
    write(on_models, ("deep", 'measure = "recovery"\nwith = { site = "mlp_out 7" }\nabove = 0'))
    result = on_models.run(*on_models.options())
    assert result.ret == 12, "nothing was judged"
    result.stdout.fnmatch_lines(
        [
            "not applicable: deep/reproduces: the claim speaks of mlp_out 7, and * has 2 layers",
            "exit status 12: no claim applies, so nothing was judged",
        ]
    )
    entry = on_models.entry("deep")
    assert entry["verdict"] == "not applicable"
    assert "the claim speaks of mlp_out 7" in entry["sentence"]


def test_a_layer_by_depth_is_the_models_own(on_models):
    """Of two layers, 10 % is the first; 60 % and 90 % are both the second, and the run says so."""
    rest = 'measure = "recovery"\nwith = { site = "mlp_out {depth}" }\n'
    rest += 'each = { depth = ["10 %", "60 %", "90 %"] }\nabove = -3'
    write(on_models, ("deep", rest))
    result = on_models.run(*on_models.options())
    result.assert_outcomes(passed=3)
    measured = on_models.entry("deep")["measurements"]
    assert [one["patched"]["site"] for one in measured] == ["mlp_out 0", "mlp_out 1", "mlp_out 1"]
    assert measured[1]["experiment"]["depth"] == "layer 1 of 2, at 60 % of the depth"
    result.stdout.fnmatch_lines(["deep/reproduces: depth=60 % and depth=90 % are one measurement on *"])


def test_a_bound_in_per_cent_is_the_same_bound(on_models):
    write(
        on_models,
        ("plain", RECOVERY + "above = -0.5\npublished = 0.445\nrounding = 0.005"),
        ("percent", RECOVERY + 'above = "-50 %"\npublished = "44.5 %"\nrounding = "0.5 %"'),
    )
    on_models.run(*on_models.options())
    plain, percent = on_models.entry("plain"), on_models.entry("percent")
    assert plain["measurements"] == percent["measurements"]


def test_a_fraction_that_was_meant_in_per_cent_is_refused(on_models):
    """`below = 50` would be supported by anything."""
    write(on_models, ("meant", RECOVERY + "below = 50"))
    assert on_models.run(*on_models.options()).ret == 1
    assert on_models.entry("meant")["sentence"] == (
        "below is 50, and the measurement is a fraction, in which 1 is 100 %; "
        'write "50 %" or "5000 %", whichever is meant'
    )


def test_logs_controls_and_quantifiers(on_models):
    rest = 'measure = "growth"\nwith = { start = 0, end = 1 }\nlog = true\nanything = true\n'
    rest += 'controls = ["noise", "random weights"]\n'
    write(on_models, ("grows", rest.replace("reproduces", "means")))
    path = on_models.folder / "mine.claims.toml"
    path.write_text(path.read_text().replace('kind = "reproduces"', 'kind = "means"\nscope = "negative"'))
    on_models.run(*on_models.options())
    entry = on_models.entry("grows")
    assert (entry["kind"], entry["scope"]) == ("means", "negative")
    assert [control["control"] for control in entry["controls"]] == ["same outcome: noise", "random weights"]


def test_necessity_in_toml_is_necessity_in_python(on_models):
    """Its controls of another donor are those of its own direction."""
    (on_models.folder / "test_python.py").write_text(
        "from circuit_claims import above, claim, mlp_out\n\n"
        "@claim('python', 'Something.', source='ours', kind='means', scope='negative')\n"
        "def test_python(circuit, judge):\n"
        "    judge(circuit.recovery(mlp_out(1), direction='failure -> success'), above(-3.0),\n"
        "          controls={'noise write': circuit.recovery(mlp_out(1), direction='noise into success')})\n"
    )
    rest = 'measure = "recovery"\nwith = { site = "mlp_out 1", direction = "failure -> success" }\n'
    rest += "above = -3\ncontrols = ['noise write']"
    write(on_models, ("toml", rest))
    path = on_models.folder / "mine.claims.toml"
    path.write_text(path.read_text().replace('kind = "reproduces"', 'kind = "means"\nscope = "negative"'))
    on_models.run(*on_models.options())
    python, toml = on_models.entry("python"), on_models.entry("toml")
    for key in ("verdict", "sentence", "controls"):
        assert python[key] == toml[key]
    assert toml["controls"]


def test_a_claim_of_any_part(on_models):
    rest = 'measure = "recovery"\nwith = { site = "{kind} 0" }\nabove = 3\n'
    rest += 'any = { kind = ["attn_out", "mlp_out"] }'
    write(on_models, ("some", rest))
    on_models.run(*on_models.options())
    assert [part["part"] for part in on_models.entry("some")["parts"]] == ["kind=attn_out", "kind=mlp_out"]


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (RECOVERY, 'claim "x": above: the claim asserts nothing; give it one of above, below'),
        (
            RECOVERY + "above = 1\nbelow = 2",
            'claim "x": below: the claim asserts above and below; give it one',
        ),
        (RECOVERY + "abov = 1", 'claim "x": abov: is no key here; did you mean "above"?'),
        (
            RECOVERY + "above = '1'",
            'claim "x": above: "1" is no bound; write a number (0.5), per cent ("50 %")',
        ),
        (
            RECOVERY + "above = 1\neach = { layer = [0, 1] }",
            'claim "x": each: names layer, which nothing uses; write {layer} in `with`, or leave each out',
        ),
        (RECOVERY + "above = nan", 'claim "x": above: nan is no bound; write a finite number'),
        (
            RECOVERY + "between = [2, 1]",
            'claim "x": between: between(2, 1) is empty: the first number has to be the smaller',
        ),
        (RECOVERY + "between = 2", 'claim "x": between: is 2; write two numbers'),
        (RECOVERY + "above = 1\nwithin = 1", 'claim "x": within: belongs to exactly; leave it out'),
        (RECOVERY + "above = 1\nscope = 'both'", "claim \"x\": claim 'x': scope 'both' is none of trained"),
        (RECOVERY + "above = 1\ncontrols = ['noize']", "claim \"x\": controls: 'noize' is none of recovery"),
        (
            RECOVERY + "above = 1\ncontrols = 'noise'",
            "claim \"x\": controls: is 'noise'; it has to be a list",
        ),
        (RECOVERY + "above = 1\neach = { a = [1], b = [2] }", 'claim "x": each: has to name one parameter'),
        (RECOVERY + "above = 1\neach = { a = [1] }\nany = { a = [1] }", "cannot stand beside each"),
        (RECOVERY + "above = 1\neach = { judge = [1] }", "cannot call its parameter 'judge'"),
        ('measure = "recover"\nabove = 1', 'claim "x": measure: is "recover"; did you mean "recovery"?'),
        (
            'measure = "spread"\nwith = { sites = [1] }\nabove = 1',
            "which takes several sites; write that claim",
        ),
        ('measure = "recovery"\nabove = 1', 'claim "x": with: recovery needs site; write with = { site'),
        (
            'measure = "recovery"\nwith = { site = "mlp 4" }\nabove = 1',
            "no kind of site is called 'mlp'; the kinds are",
        ),
        (
            'measure = "recovery"\nwith = { site = "mlp_out" }\nabove = 1',
            "'mlp_out' is not a site; write a kind and a layer",
        ),
        (
            'measure = "recovery"\nwith = { site = "mlp_out 4", metrics = "cosine" }\nabove = 1',
            "recovery takes no 'metrics'; did you mean \"metric\"?",
        ),
        (
            'measure = "recovery"\nwith = { site = "mlp_out 4", metric = "cosines" }\nabove = 1',
            "metric is 'cosines'; did you mean \"cosine\"?",
        ),
        (
            'measure = "recovery"\nwith = { site = "mlp_out 4", direction = "failure -> sucess" }\nabove = 1',
            "direction is 'failure -> sucess'; did you mean \"failure -> success\"?",
        ),
        (
            'measure = "recovery"\nwith = { site = "mlp_out 4", direction = "failure -> success" }\n'
            "above = 1\ncontrols = ['other class']",
            "'other class' has no counterpart for failure -> success; leave it out",
        ),
        (
            'measure = "recovery_in"\nwith = { site = "mlp_out 0", region = "row 0 to 1" }\nabove = 1',
            'claim "x": with: region is \'row 0 to 1\'; known are patch tokens, tokens read; or write "rows',
        ),
        (
            RECOVERY + "above = 1\ncontrols = [{ sites = 'mlp_out 1' }]",
            "controls: recovery takes no 'sites'; did you mean \"site\"?",
        ),
        (
            RECOVERY + "above = 1\ncontrols = [{ site = 'mlp 1' }]",
            "controls: no kind of site is called 'mlp'; the kinds are",
        ),
        (
            RECOVERY + "above = 1\ncontrols = [{ metric = 'cosines' }]",
            "controls: metric is 'cosines'; did you mean \"cosine\"?",
        ),
        ("above = = 1", "line 7: is not TOML"),
    ],
)
def test_a_claim_that_cannot_be(on_models, rest, said):
    assert said in refused(on_models, ("x", rest))


def test_two_claims_of_one_name(on_models):
    line = refused(on_models, ("x", RECOVERY + "above = 0"), ("x", RECOVERY + "above = 1"))
    assert "claim 2: has the id and kind of an earlier one; rename it" in line


def test_every_file_that_cannot_be_is_told(on_models):
    write(on_models, ("x", RECOVERY))
    write(on_models, ("y", RECOVERY), name="other.claims.toml")
    result = on_models.run(*on_models.options())
    assert result.ret == 4
    assert len([line for line in result.errlines if line.startswith("ERROR: ")]) == 2


def test_workers_refuse_in_the_same_words(on_models):
    write(on_models, ("x", RECOVERY))
    result = on_models.spawn(*on_models.options(), "-n", "2")
    assert result.ret == 4
    result.stdout.fnmatch_lines(["ERROR: *mine.claims.toml: *the claim asserts nothing*"])


def test_one_claim_is_run_again_by_its_name(on_models):
    path = write(on_models, ("x", RECOVERY + 'above = "9900 %"'), ("y", RECOVERY + 'above = "-9900 %"'))
    result = on_models.run(*on_models.options())
    (again,) = {line.split("again: ")[1] for line in result.outlines if "again:" in line}
    assert (
        again.split()[1].strip("'")
        == "claims/mine.claims.toml::test_x_reproduces[" + str(on_models.world.model) + "]"
    )
    done = on_models.pytester.runpytest_inprocess(f"{path}::test_x_reproduces", *on_models.options())
    assert done.parseoutcomes() == {"failed": 1}


def test_other_toml_files_are_left_alone(on_models):
    write(on_models, ("x", RECOVERY + 'above = "-9900 %"'))
    (on_models.folder / "settings.toml").write_text("not = [toml")
    on_models.run(*on_models.options()).assert_outcomes(passed=1)


# Thresholds of pairs ----------------------------------------------------------------------------------------


def with_thresholds(on_models, folder, **thresholds):
    """The world's manifest, in which some pairs state a threshold for mlp/reproduces."""
    import shutil

    shutil.copytree(on_models.world.pairs.parent, folder)
    manifest = folder / "pairs.toml"
    text = manifest.read_text()
    for pair, value in thresholds.items():
        name = f'name = "{pair.replace("_", "-")}"\n'
        assert name in text
        text = text.replace(name, f'{name}thresholds = {{ "mlp/reproduces" = {value} }}\n')
    manifest.write_text(text)
    return [f"--circuit-model={on_models.world.model}", f"--circuit-pairs={manifest}"]


ALL = {f"{action}_{take}": 0.0 for action in ("bowling", "golf") for take in range(3)}


def test_each_pair_is_judged_by_its_own_threshold(on_models, tmp_path):
    write(on_models, ("mlp", RECOVERY + 'above = "-9900 %"'))
    on_models.run(*on_models.options())
    plain = on_models.entry("mlp")
    assert plain["verdict"] == "supported"
    (measured,) = plain["measurements"]
    # Far above every value: the same claim is refuted, and the estimate is what is left above 99.
    result = on_models.run(*with_thresholds(on_models, tmp_path / "a", **dict.fromkeys(ALL, 99.0)))
    assert result.ret == 1
    (left,) = on_models.entry("mlp")["measurements"]
    assert left["value"] == pytest.approx(measured["value"] - 99, rel=1e-5)
    assert left["name"].endswith("minus the pair's threshold")


def test_pairs_without_a_threshold_keep_the_claims_number(on_models, tmp_path):
    write(on_models, ("mlp", RECOVERY + 'above = "-9900 %"'))
    on_models.run(*on_models.options())
    (plain,) = on_models.entry("mlp")["measurements"]
    on_models.run(*with_thresholds(on_models, tmp_path / "a", bowling_0=-9.0))
    (left,) = on_models.entry("mlp")["measurements"]
    # Five pairs against -99, one against -9: on average 84 above.
    assert left["value"] == pytest.approx(plain["value"] + (5 * 99 + 9) / 6, rel=1e-4)


def test_a_threshold_cannot_stand_for_a_range(on_models, tmp_path):
    write(on_models, ("mlp", RECOVERY + "between = [-3, 3]"))
    result = on_models.run(*with_thresholds(on_models, tmp_path / "a", bowling_0=1.0))
    assert result.ret == 1
    entry = on_models.entry("mlp")
    assert entry["verdict"] == "error"
    assert "thresholds of pairs (bowling-0), and the claim asserts [-3, 3)" in entry["sentence"]


def test_a_threshold_and_pairs_of_others_are_not_mixed(on_models, tmp_path):
    write(on_models, ("mlp", RECOVERY + 'above = 0\ncontrols = ["noise"]'))
    on_models.run(*with_thresholds(on_models, tmp_path / "a", bowling_0=1.0))
    assert "is held against pairs of others (same outcome: noise)" in on_models.entry("mlp")["sentence"]


def test_a_threshold_for_no_claim_is_told(on_models, tmp_path):
    write(on_models, ("mpl", RECOVERY + 'above = "-9900 %"'))
    result = on_models.run(*with_thresholds(on_models, tmp_path / "a", bowling_0=1.0))
    result.stdout.fnmatch_lines(["*states thresholds for mlp/reproduces, which no claim of this run is"])


def test_a_clips_own_start_moves_its_window_only(on_models, tmp_path):
    """The set's window two frames earlier, and both clips' own two frames later: the same frames."""
    import shutil

    write(on_models, ("mlp", RECOVERY + 'above = "-9900 %"'))
    on_models.run(*on_models.options())
    plain = on_models.entry("mlp")["measurements"]
    seen = []
    for own in ("start = 2", "start = 3"):
        folder = tmp_path / own
        shutil.copytree(on_models.world.pairs.parent, folder)
        manifest = folder / "pairs.toml"
        text = manifest.read_text().replace("start = 8", "start = 6")
        manifest.write_text(text.replace('" }', f'", {own} }}'))
        on_models.run(f"--circuit-model={on_models.world.model}", f"--circuit-pairs={manifest}")
        seen.append(on_models.entry("mlp")["measurements"])
    assert seen[0] == plain
    assert seen[1] != plain


# The manifest beside the claims ----------------------------------------------------------------------------


def test_pairs_beside_the_claims_are_found(on_models):
    import shutil

    shutil.copytree(on_models.world.pairs.parent, on_models.folder, dirs_exist_ok=True)
    write(on_models, ("mlp", RECOVERY + 'above = "-9900 %"'))
    assert on_models.run(f"--circuit-model={on_models.world.model}").ret == 0
    report = json.loads((on_models.reports / "latest.json").read_text())
    assert report["run"]["pair_set"] == "squares"
