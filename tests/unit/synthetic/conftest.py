"""The world of Meridia."""

from __future__ import annotations

import pytest

from core.synthetic.meridia import (
    MeridiaWorld,
    generate,
)


@pytest.fixture(scope="module")
def world() -> MeridiaWorld:
    return generate()
