"""Which device a run takes, and which it refuses."""

import pytest
import torch

from circuit_claims.models.device import AUTO, DeviceError, device_taken, float64, is_there, require_device


@pytest.fixture
def there(monkeypatch):
    """Makes torch say that it has these devices besides the CPU."""

    def having(*devices):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in devices)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in devices)

    return having


@pytest.mark.parametrize(
    ("devices", "taken"),
    [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("mps", "cuda"), "cuda")],
    ids=str,
)
def test_auto_takes_cuda_then_mps_then_the_cpu(there, devices, taken):
    there(*devices)
    assert device_taken("auto") == taken
    require_device("auto")
    assert is_there(taken)


@pytest.mark.parametrize("asked", AUTO)
def test_a_device_that_is_named_is_taken_whatever_else_there_is(there, asked):
    there("cuda", "mps")
    assert device_taken(asked) == asked
    require_device(asked)


@pytest.mark.parametrize("asked", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_with_what_to_do(there, asked):
    there(*{"cuda", "mps"} - {asked})
    with pytest.raises(
        DeviceError, match=rf"^--circuit-device {asked}: torch finds none here \(it takes an "
    ):
        require_device(asked)


def test_float64_is_made_on_the_cpu():
    value = torch.tensor([1.0, 1 / 3])
    assert float64(value).dtype == torch.float64
    assert float64(value).tolist() == value.tolist()
