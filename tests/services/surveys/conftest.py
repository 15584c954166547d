"""What questions put to people need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.store.database import Store


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.memory() as made:
        yield made
