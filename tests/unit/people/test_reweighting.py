"""The people of one place: weights that have its shares, and move no more than these ask for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.people.personas import restore, synthesise
from core.people.population_file import load_population_spec, spec_from_dict, weighed_for
from core.study import TargetShares, load_study

ORLO = load_population_spec("orlo")
GARDENS = TargetShares("home", (("garden", 0.2),))


def test_weights_have_the_shares_and_keep_all_other_proportions() -> None:
    usual = synthesise(ORLO, 300, 1)
    spec = replace(ORLO, target_shares=(GARDENS, TargetShares("civic_norm", (("very_high", 0.4),))))
    place = synthesise(spec, 300, 1)
    people, before = place.personas, usual.personas
    share = people["weight"] / people["weight"].sum()
    assert people["weight"].sum() == ORLO.total and (people["text"] == before["text"]).all()
    assert share[people["home"] == "garden"].sum() == pytest.approx(0.2, abs=1e-4)
    assert share[people["civic_norm"] >= 0.8].sum() == pytest.approx(0.4, abs=1e-4)
    # Within a cell of what the shares name, nobody counts more than before against another.
    cell = (people["home"] == "flat") & people["civic_norm"].between(0.4, 0.5999)
    factor = people.loc[cell, "weight"] / before.loc[cell, "weight"]
    assert np.ptp(factor) < 0.01 * factor.mean()
    assert place.largest_error < 0.01, "its shares are what it is fitted to, not the tables of all homes"
    fitted = place.fit[place.fit["use"] == "fit"]
    assert list(zip(fitted["marginal"], fitted["category"], strict=True)) == [
        ("home", "garden"),
        ("civic_norm", "very_high"),
    ]
    again = restore(spec_from_dict(spec.to_dict()), people, 1)
    assert again.content_hash == place.content_hash and again.fit.equals(place.fit)


def test_what_the_population_does_not_have_is_refused_with_the_nearest_name() -> None:
    study = load_study("orlo")
    for shares, said in (
        ((TargetShares("hone", (("garden", 0.2),)),), "home"),
        ((TargetShares("home", (("gardens", 0.2),)),), "garden"),
        ((TargetShares("home", (("garden", 0.7), ("flat", 0.6))),), "sum to 1.3"),
        ((TargetShares("tenure", (("owned", 0.5), ("rented", 0.4))),), "sum to 0.9"),
    ):
        with pytest.raises(InputError) as wrong:
            weighed_for(ORLO, replace(study, shares=shares))
        assert said in str(wrong.value)
    alone = replace(ORLO, target_shares=(TargetShares("home", (("flat", 1.0),)),))
    with pytest.raises(InputError, match="none of 1 personas"):
        synthesise(alone, 1, 0)
