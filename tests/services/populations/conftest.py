"""What tests of populations share."""

from __future__ import annotations

import pytest
from population_cases import MERIDIA

from core.people.personas import Population
from core.services.populations.synthesis import (
    make_population,
)
from core.study import Study, load_study


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(MERIDIA)


@pytest.fixture(scope="module")
def population(study: Study) -> Population:
    return make_population(study, 300, 1)
