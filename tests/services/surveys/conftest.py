"""What questions put to people need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.store.database import Store


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.memory() as made:
        yield made
