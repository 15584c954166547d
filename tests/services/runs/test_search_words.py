"""What a search was worth is told from its trials, and Optuna's analyses get the very trials that were stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.report.figures.trials import contour_figure, slice_figure
from core.report.sentences.searches import optuna_study, search_blocks, search_words, start_best_table
from core.services.runs.journal import searched_bounds
from core.services.runs.reading import Trials, list_results
from core.services.runs.results import RunResult
from core.store.database import Store
from core.study import load_study

STUDY = load_study("meridia")


@pytest.fixture(scope="module")
def result(short_run: Path) -> RunResult:
    with Store(short_run) as store:
        return RunResult.of(store.run(str(list_results(store, "meridia")["run_id"].iloc[0])))


def tried(result: RunResult, count: int = 24, best: int = 7) -> Trials:
    """Trials of which the error depends on the first parameter alone, and number `best` is the best."""
    draws, bounds = np.random.default_rng(0), searched_bounds(result, STUDY)
    index = pd.Index(range(1, count + 1), name="trial")
    places = pd.DataFrame({name: draws.uniform(size=count) for name in bounds}, index)
    places.loc[best] = 0.0
    ends = pd.DataFrame(bounds)
    parameters = ends.loc[0] + places * (ends.loc[1] - ends.loc[0])
    macro = (6.0 + 2.0 * places.iloc[:, 0]).rename("macro")
    return Trials(macro, macro.cummin(), pd.DataFrame(index=index), parameters)


def test_the_sentence_says_start_best_and_chosen(result: RunResult) -> None:
    found = tried(result)
    said = search_words(found, replace(result, inner_score=5.5))
    gain = 1 - 6.0 / found.macro.iloc[0]
    assert (
        f"worth {gain:.0%} of the error" in said and "best of 24 trials (number 7)" in said and "by 5.50 with" in said
    )
    assert f"{result.macro_rmse['twin']:.2f}" in said
    assert "worth nothing" in search_words(tried(result, best=1), result)


def test_importance_slice_and_contour_are_of_these_trials(result: RunResult) -> None:
    found = tried(result)
    values, matters = search_blocks(found, result, STUDY)
    shares = matters[1].data.set_index("parameter")["share"]
    names = list(found.parameters)
    assert shares.sum() == pytest.approx(1.0) and shares.index[0] in matters[0].text
    study = optuna_study(found, result, STUDY)
    assert [trial.value for trial in study.trials] == pytest.approx(list(found.macro))
    first, second = shares.index[:2]
    assert shares[first] > 0.8, "the one that the error depends on"
    (dots,) = slice_figure(study, first, "points", "").data
    assert list(dots.y) == pytest.approx(list(found.macro))
    assert {trace.type for trace in contour_figure(study, first, second, "points", "").data} == {"contour", "scatter"}
    table = start_best_table(found, result, STUDY)
    assert list(table["best"]) == pytest.approx([searched_bounds(result, STUDY)[name][0] for name in names])
    assert list(table["chosen"]) == pytest.approx([result.parameters[name] for name in names])
    assert "Too few trials" in search_blocks(tried(result, 4, 2), result, STUDY)[1][0].text and values[1].draw()
