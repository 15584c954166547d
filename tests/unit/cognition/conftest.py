"""A cache for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.cognition.llm.cache import AnswerCache


@pytest.fixture
def cache() -> Iterator[AnswerCache]:
    with AnswerCache() as made:
        yield made
