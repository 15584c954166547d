"""The measurement of contrasts against known truths: no leak, right sums, kept and printed as it was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.cli import _parser, main
from core.counterfactual.contrast import contrasts
from core.counterfactual.support import FAR
from core.errors import Cancelled, InputError
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.records import content_hash
from core.report.documents import document_of
from core.report.renderers.terminal import terminal_text
from core.report.sentences.known_worlds import estimators_of, world_words, worlds_document
from core.services.evaluation import requests
from core.services.evaluation.known_worlds import WORLDS, known_worlds, measured_worlds, newest_worlds
from core.services.evaluation.requests import SEEDS, WorldsRequest
from core.services.evaluation.results import WorldsResult
from core.services.library.archive import export_run, list_runs, load_result
from core.store.database import Store
from core.study import load_study
from core.synthetic.worlds import HORIZON, KINDS, generated_world, known_world, true_contrast
from core.validity.effect_estimators import EFFECT_ESTIMATORS
from core.validity.known_worlds import (
    PERSONAS,
    TRIALS,
    fit_twin,
    horizon_of,
    measure,
    measure_world,
    standard_alternatives,
)
from core.validity.world_scores import (
    CLEAR_EFFECT,
    DISTANCE_CLASSES,
    ESTIMATORS,
    MEASURES,
    WORKING_WEEK,
    Estimate,
    WorldRow,
    distance_class,
    scores_of,
    summary_of,
)

SMALL = {"personas": 40, "trials": 0}
FIVE = ["held", "looser", "stricter", "lifted", "full"]


@pytest.fixture(scope="module")
def rows() -> list[WorldRow]:
    return measure_world("working_week", 0, **SMALL)


# ---- what is asked


@pytest.mark.parametrize("kind", WORLDS)
def test_alternatives_begin_after_the_origin(kind: str) -> None:
    world = known_world(kind, 0)
    days = horizon_of(world)
    assert len(days) == HORIZON and days[0].date() == world.origin + timedelta(days=1)
    asked = standard_alternatives(world)
    assert [item.name for item in asked if item.changes == MEASURES] == FIVE
    assert {item.changes for item in asked} == ({MEASURES, WORKING_WEEK} if kind == "working_week" else {MEASURES})
    past = world.timeline.dates <= pd.Timestamp(world.origin)
    for item in asked:
        assert item.days.isin(days).all() and len(item.days)
        assert item.timeline.levels()[past].equals(world.timeline.levels()[past])
    by_name = {item.name: item.timeline.stringency(days) for item in asked}
    own = world.timeline.stringency(days)
    assert (by_name["lifted"] == 0).all() and (by_name["full"] == 100).all()
    assert (by_name["looser"] <= own).all() and (own <= by_name["stricter"]).all()
    assert (by_name["held"] == world.timeline.stringency().loc[pd.Timestamp(world.origin)]).all()


def test_the_old_week_is_asked_about_on_the_days_that_moved() -> None:
    world = generated_world("working_week", 1)
    kept = {item.name: item for item in standard_alternatives(world) if item.changes == WORKING_WEEK}
    working, off = kept["week_kept_on_new_working_days"], kept["week_kept_on_new_days_off"]
    for item, before, after in ((working, False, True), (off, True, False)):
        kinds, old = (line.calendar.days(item.days)["day_type"] for line in (world.timeline, item.timeline))
        assert (kinds.isin(["working", "half"]) == after).all() and (old.isin(["working", "half"]) == before).all()
    assert not working.days.isin(off.days).any()
    assert working.timeline.levels().equals(world.timeline.levels())


def test_what_changes_nothing_is_not_asked() -> None:
    world = generated_world("plain", 0)
    first = world.origin + timedelta(days=1)
    free = world.timeline.with_constant(dict.fromkeys(world.timeline.codes, 0), first)
    names = [item.name for item in standard_alternatives(replace(world, timeline=free))]
    assert "lifted" not in names and "looser" not in names and {"held", "stricter", "full"} <= set(names)


# ---- what is measured


def test_a_row_for_every_alternative_and_behaviour(rows: list[WorldRow]) -> None:
    world = generated_world("working_week", 0)
    asked = standard_alternatives(world)
    assert len(rows) == len(asked) * len(world.study.behaviours)
    for item in asked:
        truth = true_contrast(world, item.timeline, item.days).mean()
        part = {row.behaviour: row for row in rows if row.alternative == item.name}
        assert {name: row.truth for name, row in part.items()} == pytest.approx(truth.to_dict(), abs=1e-9)
        for row in part.values():
            assert set(row.estimates) == set(ESTIMATORS) and row.days == len(item.days)
            assert all(np.isfinite(said.estimate) for said in row.estimates.values())
            twin = row.estimates["twin"]
            assert twin.lower is not None and twin.upper is not None and twin.lower <= twin.upper
            assert row.distance_class == distance_class(row.outside_share, row.outside_distance)
    distance = {row.alternative: row.outside_distance for row in rows}
    assert distance["held"] == 0.0 and distance["full"] == max(distance.values()) > FAR
    moved = [row for row in rows if row.changes == WORKING_WEEK]
    for row in moved:
        others = [row.estimates[name] for name in ESTIMATORS[1:]]
        assert all(said.estimate == 0 and said.lower is None for said in others)
        own = row.estimates["twin"]
        assert abs(own.estimate) > 0 and own.lower is not None and own.upper is not None
        relative = (own.upper - own.lower) / abs(own.estimate)
        assert relative > 0.1, "how busy days off are against working days is not known to a tenth"


def test_the_twins_answer_is_that_of_its_contrast(rows: list[WorldRow]) -> None:
    world = generated_world("working_week", 0)
    twin = fit_twin(world, **SMALL)
    for item in standard_alternatives(world):
        said = contrasts(twin, [item.timeline], item.days)[0]
        for row in rows:
            if row.alternative == item.name:
                own = row.estimates["twin"]
                assert own.estimate == pytest.approx(said.difference[row.behaviour], abs=1e-6)
                assert own.lower == pytest.approx(said.lower[row.behaviour], abs=1e-4)


@pytest.mark.parametrize("kind", ["confounded", "anticipation"])
def test_nothing_observed_after_the_origin_is_used(kind: str) -> None:
    world = generated_world(kind, 2)
    observations = world.observations.copy()
    later = observations.index > pd.Timestamp(world.origin)
    observations.loc[later] = observations.loc[later] * -3.0 + 50.0
    cases = world.cases.where(world.cases.index <= pd.Timestamp(world.origin), world.cases * 20.0)
    changed = replace(world, observations=observations, cases=cases)
    options = {"personas": 40, "trials": 3}
    one, other = measure(world, **options), measure(changed, **options)
    assert [row.estimates for row in one] == [row.estimates for row in other]
    # The world itself went on otherwise: with other cases, the same policy is worth something else there.
    assert [row.truth for row in one] != [row.truth for row in other]


def test_classes_of_distance_begin_where_support_ends() -> None:
    assert distance_class(0.0, 3.0) == "inside"
    assert distance_class(0.1, 3.0) == distance_class(1.0, FAR) == f"outside, up to {FAR:g}"
    assert distance_class(1.0, FAR + 0.01) == "outside, up to 25"
    assert distance_class(1.0, 99.0) == "outside, above 40"
    assert {distance_class(share, gap) for share in (0.0, 1.0) for gap in range(100)} == set(DISTANCE_CLASSES)


def _row(truth: float, twin: float, low: float | None, high: float | None, **about: Any) -> WorldRow:
    estimates = dict.fromkeys(ESTIMATORS, Estimate(0.0)) | {"twin": Estimate(twin, low, high)}
    given = {
        "changes": MEASURES, "world": "plain", "seed": 0, "alternative": "held", "distance_class": "inside", "days": 1,
        "stringency_difference": 0.0, "outside_share": 0.0, "outside_distance": 0.0, "behaviour": "retail",
    }  # fmt: skip
    return WorldRow(**{**given, **about}, truth=truth, estimates=estimates)


def test_scores_are_what_they_are_called() -> None:
    rows = [_row(-10.0, -13.0, -14.0, -12.0), _row(4.0, 5.0, 3.0, 6.0), _row(1.0, -1.0, -2.0, 0.0)]
    found = scores_of(rows)
    twin = found.estimators["twin"]
    assert found.rows == 3 and found.clear == 2
    assert found.rms_truth == pytest.approx(np.sqrt(117 / 3))
    assert twin.rmse == pytest.approx(np.sqrt(14 / 3))
    assert twin.mean_error == pytest.approx(-4 / 3) and twin.overstated == pytest.approx(2 / 3)
    assert twin.right_sign == 1.0
    assert twin.coverage == pytest.approx(1 / 3) and twin.width == pytest.approx(7 / 3)
    other = found.estimators["before_after"]
    assert other.coverage is None and other.width is None and other.right_sign == 0.0
    assert scores_of([]).estimators["twin"].rmse is None


def test_moved_weeks_are_summed_apart_from_measures() -> None:
    rows = [
        _row(1.0, 1.0, 0.0, 2.0, distance_class="outside, up to 25"),
        _row(3.0, 3.0, 0.0, 4.0, world="fatigue"),
        _row(90.0, 0.0, 0.0, 1.0, changes=WORKING_WEEK, alternative="week"),
    ]
    found = summary_of(rows)
    assert found.overall.rows == 2 and found.overall.estimators["twin"].rmse == 0.0
    assert list(found.by_world) == ["plain", "fatigue"]
    assert list(found.by_distance) == ["inside", "outside, up to 25"]
    assert list(found.working_week) == ["week"] and found.working_week["week"].rows == 1


def test_what_the_pages_claim_of_contrasts_and_their_intervals_is_true() -> None:
    """What `counterfactual_claims` says is that the twin helps; the figures are those of `data/validation/worlds.json`."""
    found = known_worlds(WorldsRequest(("plain", "confounded", "fatigue"), 2, 60, 8)).summary.overall
    twin, rivals = found.estimators["twin"], [found.estimators[name] for name in EFFECT_ESTIMATORS]
    assert twin.right_sign is not None and twin.right_sign >= 0.97
    assert twin.rmse is not None and found.rms_truth is not None and 0.2 < twin.rmse / found.rms_truth < 0.4
    assert twin.coverage is not None and 0.77 < twin.coverage < 0.97
    assert all(item.rmse is not None and twin.rmse < item.rmse for item in rivals)


# ---- kept and printed


def test_workers_change_nothing(processes: Executor) -> None:
    request = WorldsRequest(("plain",), 2, **SMALL)
    here, there = known_worlds(request), known_worlds(request, executor=processes)
    assert here.rows == there.rows and here.summary == there.summary


def test_the_result_is_kept_as_a_run(tmp_path: Path) -> None:
    told = []
    with Store(tmp_path / "store.duckdb") as store:
        request = WorldsRequest(("plain",), 1, **SMALL)
        result = known_worlds(request, store, watch=ProgressReporter(told.append))
        run = store.run(result.run_id)
        assert run.complete and run.record.kind == "worlds" and run.record.result_hash
        assert load_result(store, result.run_id) == result and run.record.result_hash == content_hash(result.rows)
        assert WorldsResult.from_dict(json.loads(json.dumps(result.as_dict(), allow_nan=False))) == result
        assert store.run(result.run_id).record.kind == "worlds"
        assert [item.run_id for item in list_runs(store)] == [result.run_id]
        assert export_run(store, result.run_id, tmp_path / "out")
        assert known_worlds(request, store) == result, "what is there is not measured again"
        title = document_of(store, result.run_id).title
    assert [item.stage for item in told] == ["validate", "validate", "store"] and "truth is known" in title


def test_a_mistake_or_a_stop_keeps_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        for wrong, said in (
            ({"kinds": ("plane",)}, "Nearest valid: plain"),
            ({"kinds": ()}, "no kind of world"),
            ({"seeds": 0}, "Nearest valid: 1"),
            ({"personas": 0}, "0 personas"),
            ({"trials": -1}, "-1 trials"),
        ):
            with pytest.raises(InputError, match=said):
                WorldsRequest(**wrong)  # type: ignore[arg-type]
        with pytest.raises(Cancelled):
            known_worlds(WorldsRequest(("plain",), 1), store, watch=ProgressReporter(should_stop=lambda: True))
        assert store.runs().empty


def test_words_say_the_figures(rows: list[WorldRow]) -> None:
    def said(part: list[WorldRow], run_id: str = "") -> str:
        result = WorldsResult(
            worlds=("working_week",), seeds=1, horizon=HORIZON, clear_effect=CLEAR_EFFECT, engine="rules", personas=40,
            trials=0, summary=summary_of(part), rows=tuple(part), run_id=run_id,
        )  # fmt: skip
        return terminal_text(worlds_document(measured_worlds(result)))

    text, scores = said(rows), summary_of(rows).overall
    overall = scores.estimators["twin"]
    line = next(item for item in text.splitlines() if item.startswith(estimators_of(scores)["twin"]))
    assert f"{overall.rmse:.2f}" in line and f"{100 * (overall.coverage or 0):.0f}%" in line
    assert "Distance to training" in text and "Old working week kept: days that became days off" in text
    assert "not a language model" in text and list(estimators_of(scores)) == list(ESTIMATORS)
    only_weeks = [row for row in rows if row.changes == WORKING_WEEK]
    assert "Old working week kept" in said(only_weeks, "worlds-1")


def test_the_command_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--seeds", "1", "--personas", "40", "--trials", "0", "--workers", "1"]
    assert main(["worlds", "--kinds", "plain,meridia", *small, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["worlds"] == ["plain", "meridia"] and len(printed["rows"]) == 2 * 5 * 6
    assert printed["run_id"] == ""
    assert main(["worlds", "--kinds", "confunded", *small]) == 2
    assert "Nearest valid: confounded" in capsys.readouterr().err


def test_the_command_measures_as_many_worlds_as_the_page() -> None:
    asked = _parser().parse_args(["worlds"])
    assert (asked.seeds, asked.personas, asked.trials) == (SEEDS, PERSONAS, TRIALS)
    assert (requests.PERSONAS, requests.TRIALS) == (PERSONAS, TRIALS)


def test_the_command_line_stays_light() -> None:
    code = "import sys\nfrom core.cli import main\ntry:\n    main(['worlds', '--help'])\nexcept SystemExit:\n    pass\n"
    code += "print('numpy' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False False")
    assert all(kind in WORLDS for kind in KINDS)


def test_each_domain_is_shown_its_own_worlds() -> None:
    orlo, pandemic = load_study("orlo@Dale"), load_study("meridia")
    with Store.memory() as store:
        assert newest_worlds(store, orlo) is None and newest_worlds(store, pandemic) is not None
        kept = known_worlds(WorldsRequest(("orlo",), seeds=1, personas=20, trials=0), store)
        found = newest_worlds(store, orlo)
        assert found is not None and found.run_id == kept.run_id
        shown = newest_worlds(store, pandemic)
        assert shown is not None and not shown.run_id, "the shipped ones"
        said = " ".join(world_words(found.result))
        assert "weekday" not in said and "stringency" not in said
