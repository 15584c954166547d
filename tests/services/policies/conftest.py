"""What tests of timelines share."""

from __future__ import annotations

import pytest

from core.policy.timeline import PolicyTimeline
from core.services.studies.inputs import StudyInputs, open_study
from core.store.database import Store


@pytest.fixture(scope="module")
def inputs() -> StudyInputs:
    return open_study("meridia")


@pytest.fixture
def observed(inputs: StudyInputs) -> PolicyTimeline:
    return inputs.timeline


@pytest.fixture
def store() -> Store:
    return Store.memory()
