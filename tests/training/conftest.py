"""What tests of runs share."""

import pytest

from tests.training.small import small_config
from training.amortized.run import train


@pytest.fixture(scope="session")
def short_run(tmp_path_factory):
    """The checkpoint of a run of four steps."""
    return train(small_config(tmp_path_factory.mktemp("run")))
