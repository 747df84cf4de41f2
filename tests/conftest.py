"""What the tests share: the reference data beside the project, and one Ray cluster."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data that lies beside the project; CI must have it."""
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail("the reference data (../shared) is missing in CI")
        pytest.skip("needs the reference data in ../shared")
    return SHARED
