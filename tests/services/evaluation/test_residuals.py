"""What a run's forecast missed, told by time, weekday and level of policy; what its intervals held; and results that ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.report.sentences.residuals import calibration_blocks, class_words, held_blocks, over_time_words
from core.services.audits.group_results import GroupsResult
from core.services.evaluation.figures import MEASUREMENTS
from core.services.evaluation.residuals import held_over_time, residuals_of
from core.services.evaluation.results import AblationsResult
from core.services.evaluation.shown_results import shown_name, shown_result
from core.services.runs.reading import list_results
from core.services.runs.results import RunResult
from core.services.studies.inputs import open_study
from core.store.database import Store
from core.study import Step


def test_residuals_have_the_runs_own_error_and_fall_into_weekdays_and_levels(short_run: Path) -> None:
    inputs = open_study("meridia", None)
    with Store(short_run) as store:
        run_id = str(list_results(store, "meridia")["run_id"].iloc[0])
        result = RunResult.of(store.run(run_id))
        for behaviour in inputs.study.behaviour_ids:
            found = residuals_of(store, run_id, behaviour, inputs.timeline)
            assert found.rmse("twin") == pytest.approx(result.rmse[behaviour]["twin"], abs=1e-3)
            assert found.rmse("uncalibrated") == pytest.approx(result.rmse[behaviour]["uncalibrated"], abs=1e-3)
        assert found.kinds[0] == "Monday" and len(found.kinds) == 7
        sundays = found.periods[found.periods["kind"] == "Sunday"]
        assert set(sundays.index.day_of_week) == {6}
        assert found.mean_by("kind")["Sunday"] == pytest.approx(sundays["residual"].mean())
        index = inputs.timeline.stringency().reindex(found.periods.index)
        for name in found.policies:
            low, high = map(int, name.split(" to "))
            assert index[found.periods["policy"] == name].between(low, high).all()
        assert f"{found.rmse('twin'):.1f} points" in calibration_blocks(found, inputs.study, behaviour, "")[1].text
        assert "first half of the days" in over_time_words(found, inputs.study)
        assert "weekday" in class_words(found.mean_by("kind"), "weekday")
        shares = held_over_time(store, run_id, Step.DAY)
        assert result.intervals is not None
        days = np.array([7] * len(shares))
        days[-1] = (found.periods.index[-1] - shares.index[-1]).days + 1
        days[0] -= (found.periods.index[0] - shares.index[0]).days
        assert (shares * days).sum() / days.sum() == pytest.approx(result.intervals.levels["80"].coverage, abs=0.01)
        assert {day.day_of_week for day in shares.index} == {0}
        assert "of the values in" in held_blocks(shares, inputs.study, run_id, "")[1].text
        assert held_over_time(store, run_id, Step.DAY, 42).empty and held_blocks(shares[:0], inputs.study, "", "") == ()


@pytest.mark.parametrize("kind", [AblationsResult, GroupsResult])
def test_a_shipped_result_says_how_it_was_made_and_names_no_run(kind: type) -> None:
    shipped = shown_result(kind, "meridia")
    assert shipped is not None and shipped.header.command == MEASUREMENTS[shown_name(kind.kind, "meridia")].command
    assert shipped.result.study == "meridia" and shipped.result.of_run == "" and shipped.run_id == ""
    assert shown_result(kind, "uae") is None
