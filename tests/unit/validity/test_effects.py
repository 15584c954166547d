"""Effects of treatments that were foreseen, or not; known answers."""

from __future__ import annotations

import numpy as np
import pytest

from core.validity.effects import Effects, effect_scores, fisher_interval, other_arms, pooled_r


def made(r: float, noise: float, rows: int = 400, seed: int = 0, **other: object) -> Effects:
    """True effects with unit spread that predictions meet with r, and errors of measuring them."""
    random = np.random.default_rng(seed)
    true, rest = random.standard_normal((2, rows))
    given = {
        "effect": true + noise * random.standard_normal(rows), "error": np.full(rows, noise),
        "predicted": r * true + np.sqrt(1 - r**2) * rest, "expert": np.full(rows, np.nan),
        "arms": tuple(f"arm {row}" for row in range(rows)), "blocks": ("one",) * rows,
    }  # fmt: skip
    return Effects(**{**given, **other})  # type: ignore[arg-type]


def test_noise_is_taken_out_of_a_correlation() -> None:
    found = effect_scores(made(0.7, noise=1.0))
    assert found is not None and found.disattenuated_r is not None
    assert found.r == pytest.approx(0.5, abs=0.06) and found.reliability == pytest.approx(0.5, abs=0.06)
    assert found.disattenuated_r == pytest.approx(0.7, abs=0.08)
    assert found.disattenuated_low is not None and found.disattenuated_low < 0.7 < (found.disattenuated_high or 0)


def test_mere_noise_is_not_corrected() -> None:
    found = effect_scores(made(0.7, noise=4.0))
    assert found is not None and found.reliability < 0.2 and found.disattenuated_r is None


def test_a_row_never_has_a_say_in_its_own_line() -> None:
    study = made(0.5, 0.3, rows=30)
    spoiled = study.effect.copy()
    spoiled[4] = 99.0
    before, after = (other_arms(effect, study.predicted, study.arms)[0] for effect in (study.effect, spoiled))
    assert before[4] == after[4] and (before != after).sum() == 29
    pairs = tuple(f"arm {row // 2}" for row in range(30))
    before, after = (other_arms(effect, study.predicted, pairs)[0] for effect in (study.effect, spoiled))
    assert before[5] == after[5]  # the arm's other outcome knows nothing of it either


def test_other_units_are_flagged_and_the_line_does_not_mind() -> None:
    study = made(0.8, 0.2, rows=60)
    found = effect_scores(Effects(**{**vars(study), "predicted": study.predicted / 500 + 3}))
    assert found is not None and found.units_differ and found.rmse_predicted is None and found.line_beats_mean
    same = effect_scores(study)
    assert same is not None and not same.units_differ and same.rmse_line == pytest.approx(found.rmse_line)


def test_predictions_that_know_nothing_do_not_beat_the_mean() -> None:
    beaten = [effect_scores(made(0.0, 0.2, rows=12, seed=seed)) for seed in range(20)]
    assert np.mean([item.line_beats_mean for item in beaten if item is not None]) < 0.5


def test_differences_between_blocks_are_not_taken_for_insight() -> None:
    """Two outcomes of which all effects of one are larger, and predictions that know that only."""
    random = np.random.default_rng(1)
    block = np.repeat([0.0, 10.0], 30)
    study = made(
        0.0, 0.1, rows=60, effect=block + random.standard_normal(60), predicted=block + random.standard_normal(60),
        blocks=tuple(map(str, block)),
    )  # fmt: skip
    found = effect_scores(study)
    assert found is not None and found.r > 0.9 and found.within_r is not None and abs(found.within_r) < 0.35


def test_experts_stand_beside_on_the_rows_they_forecast() -> None:
    study = made(0.3, 0.1, rows=80)
    expert = np.where(np.arange(80) < 40, study.effect, np.nan)
    found = effect_scores(Effects(**{**vars(study), "expert": expert}))
    assert found is not None and found.forecast == 40 and found.expert_r == pytest.approx(1.0)
    assert found.r_where_expert == pytest.approx(np.corrcoef(study.effect[:40], study.predicted[:40])[0, 1])


def test_too_few_effects_and_constant_predictions_are_not_judged() -> None:
    assert effect_scores(made(0.5, 0.1, rows=4)) is None
    assert effect_scores(made(0.5, 0.1, rows=30, predicted=np.ones(30))) is None


def test_pooling_by_fishers_z() -> None:
    one = effect_scores(made(0.5, 0.1, rows=50))
    assert one is not None
    r, low, high = pooled_r({"a": one, "b": one})
    assert r == pytest.approx(one.r) and low < r < high
    assert (low, high) == pytest.approx(fisher_interval(one.r, 2 * 47 + 3))
