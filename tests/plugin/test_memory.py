"""A run on a device that has no memory for the batch plan: measured all the same, and the report says how."""

import torch

import circuit_claims.measure.patching as patching


def test_a_run_that_had_to_back_off_says_so_and_so_does_one_that_reads_its_store(on_models, monkeypatch):
    on_models.run(*on_models.options(), "--circuit-cache=off")
    undisturbed = {entry["key"]: entry["measurements"] for entry in on_models.report["claims"]}
    go_on, tried = patching.go_on, []

    def limited(write, started, count, rows, max_states):
        tried.append(max_states)
        if max_states > 7:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return go_on(write, started, count, rows, max_states)

    monkeypatch.setattr(patching, "go_on", limited)
    name = str(on_models.world.model)
    says = f"{name}: cpu ran out of memory, so some was measured with 7 states in a batch, fewer than planned"
    for _ in range(2):
        result = on_models.run(*on_models.options())
        assert result.ret == 0
        result.stdout.fnmatch_lines([says.replace("[", "[[]")])
        assert on_models.report["models"][0]["batches"] == {on_models.report["models"][0]["name"]: 7}
        assert "7 states in a batch, fewer than planned" in (on_models.reports / "latest.html").read_text()
        for entry in on_models.report["claims"]:
            for mine, other in zip(entry["measurements"], undisturbed[entry["key"]], strict=True):
                # A recovery rounds relative to the whole difference, which is 1, however small it is itself.
                assert abs(mine["value"] - other["value"]) <= 1e-5 * max(1.0, abs(other["value"]))
    # A ViViT of 17 tokens has 30 states in a batch; what comes after the first pair begins with what fits.
    assert sorted({*tried}) == [7, 15, 30]
    assert (tried.count(30), tried.count(15)) == (1, 1)


def test_without_room_for_one_state_the_claims_that_need_it_end_in_an_error(on_models, monkeypatch):
    def nowhere(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(patching, "go_on", nowhere)
    result = on_models.run(*on_models.options())
    assert result.ret == 1
    found = on_models.entry("mlp-forward")
    assert found["verdict"] == "error"
    assert "ran out of memory with one patched state in a batch; keep fewer states" in found["sentence"]
    assert on_models.entry("growth")["verdict"] != "error", "it patches nothing"
