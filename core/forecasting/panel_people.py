"""The people of the places of a panel: the study's own, weighed by what each place has more or less of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from core.forecasting.places import Place
from core.people.personas import synthesise
from core.people.population_file import load_population_spec, weighed_for
from core.people.reweighting import reweighted
from core.study import Study


def people_of_places(
    study: Study, places: Sequence[Place], count: int, seed: int
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The study's personas, and those of each place: the very same, or with weights of its own. As a run of each place alone has
    them."""
    spec = load_population_spec(study.population_file)
    drawn = synthesise(replace(spec, target_shares=()), count, seed).personas

    def weighed(own: Study) -> pd.DataFrame:
        targets = weighed_for(spec, own).target_shares
        return reweighted(spec, drawn, targets) if targets else drawn

    usual = weighed(study)
    return usual, {
        place.study.id: usual if place.study.shares == study.shares else weighed(place.study) for place in places
    }
