"""The paired bootstrap: what is drawn is the unit whose rows share their luck, and better is said only beyond zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.report.renderers.terminal import terminal_text
from core.report.sentences.known_worlds import world_table, world_words, worlds_document
from core.services.evaluation.known_worlds import measured_worlds
from core.services.evaluation.results import WorldsResult
from core.statistics.bootstrap import unit_counts
from core.validity.paired import BETTER, UNSURE, WORSE, Difference, rmse_difference
from core.validity.world_scores import CLEAR_EFFECT, ESTIMATORS, MEASURES, Estimate, WorldRow, scores_of, summary_of


def drawn(worlds: int, rows: int, gain: float, luck: float) -> tuple[np.ndarray, np.ndarray, list[int], list[str]]:
    """Errors of two methods whose difference is luck of the world, all rows of a world alike."""
    generator = np.random.Generator(np.random.PCG64(5))
    lucky = np.repeat(generator.normal(gain, luck, worlds), rows)
    other = np.full(worlds * rows, 8.0)
    return other - lucky, other, np.repeat(np.arange(worlds), rows).tolist(), ["plain"] * worlds * rows


def test_worlds_are_the_unit_and_not_their_rows() -> None:
    few, many = (rmse_difference(*drawn(12, rows, 0.5, 2.0)) for rows in (1, 100))
    assert (few.value, few.lower, few.upper) == pytest.approx((many.value, many.lower, many.upper))
    assert few.units == many.units == 12
    assert many.verdict == UNSURE, "a thousand rows of twelve worlds are twelve draws of luck"
    sure = rmse_difference(*drawn(12, 1, 2.0, 0.5))
    assert sure.verdict == BETTER and sure.upper is not None and sure.upper < 0 < -sure.value
    ours, other, units, kinds = drawn(12, 1, 2.0, 0.5)
    assert rmse_difference(other, ours, units, kinds).verdict == WORSE


def test_the_interval_is_about_what_theory_says() -> None:
    """Of a mean difference with known spread: 1.645 standard errors on each side."""
    generator = np.random.Generator(np.random.PCG64(1))
    other, lucky = np.full(60, 10.0), generator.normal(0.0, 0.3, 60)
    found = rmse_difference(other + lucky, other, list(range(60)), ["plain"] * 60)
    assert found.lower is not None and found.upper is not None
    assert found.upper - found.lower == pytest.approx(2 * 1.645 * lucky.std() / np.sqrt(60), rel=0.1)


def test_kinds_of_world_are_chosen_and_not_drawn() -> None:
    counts = unit_counts(5, 500, 3, ["a", "a", "b", "b", "b"])
    assert (counts[:, :2].sum(axis=1) == 2).all() and (counts[:, 2:].sum(axis=1) == 3).all()
    assert counts.std(axis=0).min() > 0
    # What differs between kinds alone leaves no doubt: in every draw there are as many of each.
    ours, other = np.array([4.0, 4.0, 9.0, 9.0]), np.array([5.0, 5.0, 9.0, 9.0])
    found = rmse_difference(ours, other, [0, 1, 0, 1], ["easy", "easy", "hard", "hard"])
    assert found.lower == pytest.approx(found.value) and found.upper == pytest.approx(found.value)
    assert found.verdict == BETTER


def test_one_world_of_a_kind_says_nothing_of_the_spread() -> None:
    found = rmse_difference(np.array([1.0, 1.0]), np.array([9.0, 9.0]), [0, 0], ["plain", "plain"])
    assert found == Difference(-8.0, None, None, 1) and found.verdict == UNSURE


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"), [(-2.0, -0.1, BETTER), (0.1, 2.0, WORSE), (-2.0, 0.1, UNSURE), (-1.0, 0.0, UNSURE)]
)
def test_better_is_said_only_where_zero_is_left_out(lower: float, upper: float, verdict: str) -> None:
    assert Difference(-1.0, lower, upper, 9).verdict == verdict


def world_rows(gains: list[float], kind: str = "plain", rival: str = "regression") -> list[WorldRow]:
    """A row per world: every rival is off by 20, `rival` by 8, the twin by 8 less the world's gain."""
    rows = []
    for seed, gain in enumerate(gains):
        off = dict.fromkeys(ESTIMATORS, 20.0) | {rival: 8.0, "twin": 8.0 - gain}
        rows.append(
            WorldRow(
                world=kind, seed=seed, alternative="held", changes=MEASURES, distance_class="inside", behaviour="retail",
                truth=10.0, estimates={name: Estimate(10.0 + miss) for name, miss in off.items()}, days=120,
                stringency_difference=5.0, outside_share=0.0, outside_distance=0.0,
            )
        )  # fmt: skip
    return rows


def result_of(rows: list[WorldRow]) -> WorldsResult:
    return WorldsResult(
        worlds=tuple(dict.fromkeys(row.world for row in rows)), seeds=6, horizon=120, clear_effect=CLEAR_EFFECT,
        engine="rules", personas=40, trials=0, summary=summary_of(rows),
    )  # fmt: skip


def printed(result: WorldsResult) -> str:
    return terminal_text(worlds_document(measured_worlds(result)))


def test_a_gain_that_the_next_worlds_could_turn_round_is_not_called_better() -> None:
    """On average the twin is off by a tenth less, which was called less before worlds were drawn."""
    values = result_of(world_rows([4.0, -2.0, 4.0, -2.5, 3.5, -1.0]))
    scores = values.summary.overall.estimators
    against = scores["regression"].against_twin
    assert scores["twin"].rmse is not None and scores["twin"].rmse < 8.0
    assert against is not None and against.verdict == UNSURE
    said = " ".join(world_words(values))
    assert "could as well be none" in said and "6 worlds" in said
    assert "less than" not in said and "better" not in said.lower()
    assert "twin not certain" in printed(values)


def test_a_gain_in_every_world_is_called_by_its_name_and_interval() -> None:
    good, bad = (" ".join(world_words(result_of(world_rows(gains)))) for gains in ([2.0, 3.0, 2.5], [-2.0, -3.0, -2.5]))
    assert "So the twin is off by 2.5 points less (90% interval 2" in good and "over 3 worlds" in good
    assert "points more (90% interval 2" in bad
    assert "twin better" in printed(result_of(world_rows([2.0, 3.0, 2.5])))
    alone = " ".join(world_words(result_of(world_rows([2.0]))))
    assert "Too few worlds" in alone


def test_kinds_are_told_apart_by_their_own_intervals() -> None:
    rows = [
        *world_rows([2.0, 3.0, 2.5], "confounded"),
        *world_rows([-2.0, -3.0, -2.5], "plain"),
        *world_rows([6.0, -5.0, 1.0], "meridia", rival="before_after"),
    ]
    values = result_of(rows)
    said = world_words(values)
    line = next(item for item in said if item.startswith("By kind of world"))
    better, worse, unsure = line.removeprefix("By kind of world. ").split(". ")
    assert better.startswith("Better than the best usual way: policy follows the epidemic")
    assert worse.startswith("Worse: policy acts at once") and unsure == "Not certain: Meridia."
    table = world_table(values.summary.by_world).set_index("group")
    assert table["verdict"].to_dict() == {"confounded": BETTER, "plain": WORSE, "meridia": UNSURE}
    assert table.loc["meridia", "rival"] == "before_after"
    assert (table["lower"] <= table["difference"]).all() and (table["difference"] <= table["upper"]).all()


def test_nothing_is_compared_with_what_did_not_answer() -> None:
    rows = world_rows([1.0, 1.0])
    silent = {**rows[0].estimates, "regression": Estimate(float("nan"))}
    scores = scores_of([replace(rows[0], estimates=silent), rows[1]])
    assert scores.estimators["regression"].against_twin is None
    assert scores.best_rival is not None and scores.best_rival[0] != "regression"
