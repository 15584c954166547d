"""A domain of its own as data files: levers that are amounts, effects with a memory, behaviours that policy raises."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tomli_w
from own_levers import own_levers, own_months

from core.cognition.engine import EFFECT, RESTRICTED_DAYS
from core.cognition.registry import DEFAULT_ENGINE, engine_for
from core.counterfactual.fitted import FittedTwin
from core.errors import InputError
from core.report.renderers.terminal import terminal_text
from core.report.sentences.ablations import ablations_document
from core.report.sentences.runs import run_document
from core.services.counterfactuals.run import run_compare, run_sweep
from core.services.evaluation.ablations import run_ablations
from core.services.runs.fitted import fitted_twin, horizon_dates
from core.services.runs.results import RunResult
from core.services.runs.run import run_study
from core.services.studies.inputs import open_study
from core.simulation.contexts import situations
from core.store.database import Store
from core.study import load_study

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Case:
    store: Store
    result: RunResult
    twin: FittedTwin
    dates: pd.DatetimeIndex


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    request = own_levers(tmp_path_factory.mktemp("district"))
    with Store.memory() as store:
        result = run_study(request, store)
        twin = fitted_twin(store, result.run_id, inputs=open_study(request.study, request.data))
        yield Case(store, result, twin, horizon_dates(twin))


def test_it_is_run_and_scored_beside_the_baselines(case: Case) -> None:
    assert set(case.result.rmse) == {"watering", "saving"}
    assert case.result.macro_rmse["twin"] < case.result.macro_rmse["train_mean"]


def test_a_sweep_moves_each_behaviour_as_the_study_expects(case: Case) -> None:
    result, _ = run_sweep(case.store, case.result.run_id, [0, 50, 100], twin=case.twin)
    watering, saving = ([item.metric[name] for item in result.levels] for name in ("watering", "saving"))
    assert watering == sorted(watering, reverse=True) and saving == sorted(saving) and result.monotone
    assert result.levels[-1].indicators == {"S": 36, "I": 2}


def test_effects_build_up_and_outlast_their_measure(case: Case) -> None:
    timeline, first = case.twin.timeline, case.dates[0].date()
    study = case.twin.problem.study
    lifted = timeline.with_constant({"S": 0}, first, name="Lifted")
    found = lifted.effects(study.dynamics)["S"]
    held = found.loc[: case.dates[0] - pd.Timedelta(days=1)].iloc[-1]
    assert found.loc[case.dates[0] + pd.Timedelta(days=39)] == pytest.approx(held / 2), "half is left after a half-life"
    start = pd.Timestamp("2030-03-01")
    assert found.loc[start + pd.Timedelta(days=9)] == pytest.approx(12.5 / 36 / 2)
    result, _ = run_compare(
        case.store, case.result.run_id, [lifted], twin=case.twin, start=first, end=case.dates[-1].date()
    )
    daily = timeline.effects(study.dynamics, case.dates)["S"] - lifted.effects(study.dynamics, case.dates)["S"]
    assert daily.iloc[0] < daily.iloc[5], "lifting undoes little at first"
    assert result.scenarios[0].difference["watering"] > 0 > result.scenarios[0].difference["saving"]


def test_contexts_tell_the_effect_in_twentieths(case: Case) -> None:
    effects = case.twin.problem.contexts[f"S{EFFECT}"].to_numpy(float)
    assert len(np.unique(effects)) > 5 and np.allclose(effects * 20, (effects * 20).round())


def test_a_table_against_the_studys_signs_is_refused(tmp_path: Path) -> None:
    request = own_levers(tmp_path, saved=0.5)
    with (
        Store.memory() as store,
        pytest.raises(InputError, match=r"table.csv, row 8: .*\(S\) would lower saving.*0 and below"),
    ):
        run_study(request, store)
    text = (tmp_path / "district.toml").read_text()
    (tmp_path / "district.toml").write_text(text.replace("[effects.S]", "[effects.X]"))
    with pytest.raises(InputError, match=r"effects: unknown policy indicator 'X'"):
        load_study(tmp_path / "district.toml")


def test_an_amount_beyond_its_bounds_is_named_in_the_file(tmp_path: Path) -> None:
    request = own_levers(tmp_path)
    path = tmp_path / "policy.csv"
    path.write_text(path.read_text().replace("2030-03-05,12.5", "2030-03-05,40"))
    with Store.memory() as store, pytest.raises(InputError, match=r"policy.csv.*S.*0 to 36 % of S \(Mandated cut\)"):
        run_study(request, store)


@pytest.mark.parametrize("step", ["month", "year"])
def test_a_study_of_longer_periods_is_run_swept_and_compared(tmp_path: Path, step: str) -> None:
    request = own_months(tmp_path, step)
    with Store.memory() as store:
        result = run_study(request, store)
        assert result.macro_rmse["twin"] < result.macro_rmse["train_mean"]
        inputs = open_study(request.study, request.data)
        twin = fitted_twin(store, result.run_id, inputs=inputs)
        dates = horizon_dates(twin)
        measured = run_ablations(store, result.run_id, only=["without_policy"], inputs=inputs)
        (part,) = measured.rows
        for document in (run_document(result, inputs.study), ablations_document(measured, inputs.study)):
            said = terminal_text(document).replace("the working week only as announced", "")
            found = re.findall(r"stringency|weekday|\bweeks?\b|\bdays?\b|epidemic", said, re.IGNORECASE)
            assert not found, f"{found}: it is told in its own periods, and of its own index"
            assert f"{step}s" in said
        assert part.price > 0 or step == "year", "the policy is worth having where there is enough to learn it from"
        assert len(dates) == {"month": 12, "year": 5}[step]
        swept, _ = run_sweep(store, result.run_id, [0, 100], twin=twin)
        assert swept.monotone and swept.levels[0].metric["watering"] > swept.levels[1].metric["watering"]
        first = dates[0].date()
        stricter = twin.timeline.with_constant({"S": 36}, first, name="Stricter")
        result, _ = run_compare(store, result.run_id, [stricter], twin=twin, start=first, end=dates[-1].date())
        assert result.scenarios[0].difference["watering"] < 0 < result.scenarios[0].difference["saving"]


@pytest.mark.parametrize("step", ["month", "year"])
def test_nothing_observed_after_the_origin_reaches_a_forecast(tmp_path: Path, step: str) -> None:
    request = own_months(tmp_path, step)
    with Store.memory() as store:
        first = run_study(request, store).run_id
        path = tmp_path / "mobility.csv"
        table = pd.read_csv(path)
        later = table["date"] > str(request.train_end.replace(day=28))
        table.loc[later, ["watering", "saving"]] = 77.0
        table.to_csv(path, index=False)
        second = run_study(request, store).run_id
        assert second != first and later.sum() > 1
        made = [store.read_result("forecasts", run_id) for run_id in (first, second)]
        ends = [store.read_result("intervals", run_id) for run_id in (first, second)]
    for one, other in (made, ends):
        kept = [column for column in one if column != "run_id"]
        assert len(one) and one[kept].equals(other[kept])


def test_the_study_that_readme_shows_can_be_read(tmp_path: Path) -> None:
    own_months(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("### A domain of its own")[1]
    shown = tomllib.loads(text.split("```toml\n")[1].split("```")[0])
    path = tmp_path / "district.toml"
    said = tomllib.loads(path.read_text())
    path.write_text(tomli_w.dumps({**said, **shown}))
    study = load_study(path)
    assert study.step == "month" and study.indicator_codes == ("S", "I") and study.dynamics[0].persists == 6


def test_people_tire_of_all_measures_together_only_where_the_study_says_so(tmp_path: Path) -> None:
    request = own_levers(tmp_path)
    path = tmp_path / "district.toml"
    for said, tires in ((None, False), (True, True)):
        written = tomllib.loads(path.read_text())
        written["engine"] |= {} if said is None else {"fatigue": said}
        path.write_text(tomli_w.dumps(written))
        inputs = open_study(request.study, request.data)
        days = situations(inputs.timeline, inputs.observations.index, inputs.study, None)
        assert inputs.study.fatigue is tires and (days[RESTRICTED_DAYS] > 0).any() == tires
        engine = engine_for(inputs.study, DEFAULT_ENGINE)
        assert set(engine.parameters) == set(engine.bounds) == ({"fatigue", "fatigue_days"} if tires else set())
    assert load_study("uae").fatigue and not load_study("orlo").fatigue
    assert set(engine_for(load_study("uae"), DEFAULT_ENGINE).parameters) == {"fatigue", "fatigue_days", "epidemic"}
