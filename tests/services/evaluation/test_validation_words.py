"""The words of the Validation page: they follow the figures, and turn round with them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from run_results import run_result
from validation_cases import turned_round

from core.errors import InputError
from core.report.sentences import skill as validation_words
from core.report.sentences.ablations import ablation_words
from core.report.sentences.known_worlds import world_words
from core.services.evaluation import skill as validation
from core.services.evaluation.backtests import read_exported, shipped_path
from core.services.evaluation.results import AblationRow, AblationsResult, WorldsResult
from core.services.evaluation.skill import (
    ALIKE,
    ALL,
    BETTER,
    UNSURE,
    WORSE,
    SkillComparison,
    row_frame,
    skill_comparison,
    skill_comparisons,
)
from core.validity.paired import Difference
from core.validity.world_scores import EstimatorScores, WorldScores, WorldsSummary


def cell(skill: float, low: float | None = None, high: float | None = None, rows: int = 100) -> SkillComparison:
    low, high = (skill - 0.01 if low is None else low), (skill + 0.01 if high is None else high)
    return SkillComparison(rows, 40, 10 * (1 - skill), "seasonal_naive", 10.0, skill, low, high, 0.5)


def test_the_answer_turns_round_with_the_figures() -> None:
    worse = turned_round(read_exported(shipped_path()).result)
    text = validation_words.answer(skill_comparisons(row_frame(worse), worse.rivals))
    assert "the best single baseline misses by less than the twin at 30, 90 and 180 days" in text
    assert "A simple forecast is better" in text and "the twin misses by less" not in text
    card = validation_words.class_statement(skill_comparisons(row_frame(worse), worse.rivals), ALL, "All")
    assert card.verdict == WORSE and "above" in card.text and card.figure.startswith("+")


@pytest.mark.parametrize(
    ("skill", "low", "high", "verdict"),
    [
        (0.12, 0.08, 0.15, BETTER),
        (-0.12, -0.15, -0.08, WORSE),
        (0.04, 0.03, 0.05, ALIKE),
        (-0.04, -0.06, 0.01, ALIKE),
        (0.12, -0.02, 0.2, UNSURE),
        (-0.12, -0.3, 0.02, UNSURE),
    ],
)
def test_a_verdict_needs_size_and_certainty(skill: float, low: float, high: float, verdict: str) -> None:
    assert cell(skill, low, high).verdict == verdict


def test_the_answer_names_where_a_simple_forecast_is_as_good_and_where_it_is_open() -> None:
    cells = {
        (ALL, 30): cell(0.2), (ALL, 90): cell(-0.2), ("<5", 30): cell(0.01), (">=15", 30): cell(0.2),
        ("<5", 90): cell(-0.2), (">=15", 90): cell(0.3, -0.1, 0.5),
    }  # fmt: skip
    text = validation_words.answer(cells)
    assert "the twin misses by less than the best single baseline at 30 days" in text
    assert "the best single baseline misses by less than the twin at 90 days" in text
    assert "A simple forecast is about as good where policy hardly moved, at 30 days." in text
    assert "A simple forecast is better where policy hardly moved, at 90 days." in text
    assert "Too little was measured to tell where it moved by 15 points or more, at 90 days." in text
    everywhere = {(change, 30): cell(0.2) for change in (ALL, "<5", ">=15")}
    assert "That holds whether policy moved or not." in validation_words.answer(everywhere)
    card = validation_words.class_statement(cells, ALL, "All")
    assert card.verdict == validation_words.MIXED and card.text.endswith("Better at 30 days; worse at 90 days.")


@pytest.mark.parametrize(
    ("twin", "sure", "verdict", "relation"),
    [
        (9.0, True, BETTER, "less"),
        (9.0, False, UNSURE, "less"),
        (10.2, True, ALIKE, "about as"),
        (12.0, True, WORSE, "more"),
        (12.0, False, UNSURE, "more"),
        (12.0, None, UNSURE, "more"),
    ],
)
def test_the_runs_card_follows_its_scores(twin: float, sure: bool | None, verdict: str, relation: str) -> None:
    off = 0.1 if sure else 5.0
    found = {} if sure is None else {"last_value": Difference(twin - 10.0, twin - 10.0 - off, twin - 10.0 + off, 39)}
    macro = {"twin": twin, "last_value": 10.0, "linear": 14.0, "uncalibrated": 5.0}
    card = validation_words.run_statement(run_result({"differences": found}, **macro))
    assert card.verdict == verdict and f"{relation}" in card.text and card.figure == f"{twin:.1f} vs 10.0"
    assert ("could turn round" in card.text) == (verdict == UNSURE)


def test_a_contrast_knows_its_answer() -> None:
    generator = np.random.default_rng(3)
    frame = pd.DataFrame({"country": [f"C{number // 4}" for number in range(160)], "a": generator.uniform(8, 12, 160)})
    frame["b"], frame["twin"] = frame["a"] * 2, frame["a"] * 0.9
    found = skill_comparison(frame, ["a", "b"])
    assert (found.rival, found.rows, found.countries, found.wins) == ("a", 160, 40, 1.0)
    assert found.skill == pytest.approx(0.1) and found.low == pytest.approx(0.1) and found.high == pytest.approx(0.1)
    noisy = frame.assign(twin=frame["a"] * generator.uniform(0.5, 1.5, 160))
    wide = skill_comparison(noisy, ["a"])
    assert wide.low < wide.skill < wide.high and wide == skill_comparison(noisy, ["a"]), (
        "the same figures give the same range"
    )


def test_rivals_of_a_comparison() -> None:
    rivals = ["last_value", "last_7_days", "linear", "gradient_boosting", "ets"]
    assert validation.rivals_of(rivals, "best") == rivals
    assert validation.rivals_of(rivals, "persistence") == ["last_value", "last_7_days"]
    assert validation.rivals_of(rivals, "gradient_boosting") == ["gradient_boosting"]
    with pytest.raises(InputError, match="was not measured"):
        validation.rivals_of(["linear"], "persistence")


def test_tables_agree_with_the_rows() -> None:
    measured = read_exported(shipped_path()).result
    frame = row_frame(measured)
    table = validation.country_table(frame, measured.rivals, 90)
    assert table["skill"].is_monotonic_decreasing and set(table["country"]) == set(frame["country"])
    own = validation.rows_of_country(frame, measured.rivals, "ARE")
    assert len(own) == (frame["country"] == "ARE").sum()
    board = validation.forecaster_table(frame, measured.rivals, 90)
    assert board["mean"].is_monotonic_increasing and len(board) == 1 + len(measured.rivals)
    mean = measured.summary.by_horizon["90"].mean
    assert board.set_index("forecaster")["mean"].to_dict() == pytest.approx(mean, abs=1e-4)
    with pytest.raises(InputError, match="country"):
        validation.rows_of_country(frame, measured.rivals, "ZZZ")


def test_words_on_intervals_follow_the_coverage() -> None:
    def table(*coverage: float, score: float = 10.0) -> pd.DataFrame:
        rows = [
            {"horizon": horizon, "forecaster": name, "level": 80, "coverage": value, "width": 5.0,
             "score": score if name == "twin" else 10.0, "rows": 9}
            for horizon, value in zip((30, 90), coverage, strict=False)
            for name in ("twin", "seasonal_naive")
        ]  # fmt: skip
        return pd.DataFrame(rows)

    words = validation_words.coverage_words
    assert words(table(0.81, 0.78), 80).endswith("That is about right.")
    assert words(table(0.5, 0.6), 80).endswith("That is too narrow.")
    assert words(table(0.95, 0.8), 80).endswith("That is too wide at 30 days, and about right at 90 days.")
    assert "No intervals" in words(validation.interval_table(()), 80)
    assert "20%" in validation_words.sharpness_words(table(0.8, 0.8, score=8.0), 80)
    assert "above" in validation_words.sharpness_words(table(0.8, 0.8, score=12.0), 80)


def test_words_on_ablations_and_worlds_follow_their_figures() -> None:
    def part(label: str, price: float, told: bool) -> AblationRow:
        return AblationRow(
            ablation=label, group="people", label=label, personas=9, macro_rmse=9 + price, macro_rmse_min=9 + price,
            macro_rmse_max=9 + price, price=price, price_low=price - 0.1, price_high=price + 0.1, rmse={}, seeds=(0,),
            macro_rmse_by_seed=(9 + price,), distinguishable=told,
        )  # fmt: skip

    def said(*rows: AblationRow) -> str:
        return " ".join(
            ablation_words(
                AblationsResult(
                    study="meridia", fictional=True, engine="rules", of_run="run-1", personas=9, trials=1,
                    train_end=date(2031, 1, 1), test_end=date(2031, 2, 1), unit="points", macro_rmse=9.0, rmse={},
                    interval=80, draws=10, rows=rows,
                )
            )
        )  # fmt: skip

    words = said(part("Without policy", 2.0, True), part("Without age", -1.0, True), part("x", 0.1, False))
    assert "grows by more points than chance explains: without policy (+2.0)" in words
    assert "shrinks by more points than chance explains: without age (−1.0)" in words and "The other 1" in words
    assert "No part makes a difference" in said(part("Without policy", 2.0, False))

    def worlds(twin: float, overstated: float, coverage: float) -> str:
        own = EstimatorScores(rmse=twin, overstated=overstated, right_sign=0.9, coverage=coverage)
        against = Difference(twin - 8.0, twin - 9.0, twin - 7.0, 12)
        other = EstimatorScores(rmse=8.0, overstated=0.0, right_sign=0.9, coverage=None, against_twin=against)
        overall = WorldScores(rows=10, rms_truth=20.0, estimators={"twin": own, "regression": other})
        found = WorldsResult(
            worlds=("plain",), seeds=12, clear_effect=2.0, engine="rules", summary=WorldsSummary(overall=overall)
        )
        return " ".join(world_words(found))

    good, bad = worlds(5.0, 1.0, 0.8), worlds(12.0, -3.0, 0.2)
    assert (
        "3.0 points less (90% interval 2.0 to 4.0, over 12 worlds)" in good
        and "too large" in good
        and "about right" in good
    )
    assert "4.0 points more (90% interval 3.0 to 5.0" in bad and "too small" in bad and "too narrow" in bad
