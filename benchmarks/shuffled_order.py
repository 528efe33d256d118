"""A pytest plugin (`-p shuffled_order --shuffle-seed N`): the tests in an order drawn by lot."""

import random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle-seed", type=int, help="draw the order of the tests with this seed")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("shuffle_seed") is not None:
        random.Random(config.getoption("shuffle_seed")).shuffle(items)
