"""The truth of Meridia: effects by hand, adoption, erosion, caution, and paths of other policies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meridia_cases import stringency

from core.errors import InputError
from core.synthetic.meridia import (
    COLUMNS,
    MeridiaWorld,
    expected_cases,
    expected_mobility,
    generate,
    true_effect,
)
from core.synthetic.meridia_process import (
    People,
    dose_response,
    restraint,
)
from core.synthetic.meridia_truth import ACTIVITY_ORDER, TRUTH

OUT_OF_HOME = [name for name in COLUMNS if name != "residential"]
CODES = [lever.code for lever in TRUTH.levers]


def constant(level: dict[str, float], start: str = "2029-12-01") -> pd.DataFrame:
    """A path with these levels, general, from `start` on and nothing before."""
    index = pd.date_range("2029-12-01", "2031-12-31", name="date")
    frame = pd.DataFrame(0.0, index=index, columns=CODES)
    for code, value in level.items():
        frame.loc[start:, code] = value
    return frame


# The truth


def test_under_its_own_policy_both_modes_give_the_world_back(world: MeridiaWorld) -> None:
    pd.testing.assert_frame_equal(expected_mobility(world.policy), world.expected)
    pd.testing.assert_frame_equal(expected_mobility(world.policy, world.cases), world.expected)
    pd.testing.assert_frame_equal(expected_mobility(world.policy, epidemic="free"), world.expected)
    pd.testing.assert_series_equal(expected_cases(world.policy), world.cases)
    other = generate(11)
    pd.testing.assert_frame_equal(expected_mobility(other.policy, epidemic="free", seed=11), other.expected)


def test_without_measures_and_illness_the_baseline_reads_zero() -> None:
    days = pd.date_range("2030-01-03", "2030-02-06", name="date")
    none = pd.Series(0.0, index=pd.date_range("2029-12-01", "2031-12-31"))
    calm = expected_mobility(constant({}), none, dates=days)
    assert calm.abs().max().max() < 7  # the season goes on inside the baseline
    np.testing.assert_allclose(calm.groupby(days.day_of_week).median(), 0.0, atol=1e-9)


def test_dose_response_by_hand() -> None:
    levels, flags = np.zeros((3, len(CODES))), np.ones((3, len(CODES)))
    item = CODES.index("C2")
    lever = TRUTH.levers[item]
    levels[:, item] = [3, 2, 2]
    flags[2, item] = 0

    def hill(x: float) -> float:
        return (
            x**lever.exponent
            * (1 + lever.half_dose**lever.exponent)
            / (x**lever.exponent + lever.half_dose**lever.exponent)
        )

    got = dose_response(TRUTH, levels, flags)
    assert got[0, item] == pytest.approx(1.0)
    assert got[1, item] == pytest.approx(hill(2 / 3))
    assert got[2, item] == pytest.approx(TRUTH.targeted_reach * hill(2 / 3) + (1 - TRUTH.targeted_reach) * hill(1 / 3))
    assert np.delete(got, item, axis=1).max() == 0.0


def test_measures_combine_as_the_strongest_and_a_part_of_the_others() -> None:
    levels = np.array([[lever.maximum * (lever.code in ("C2", "C6", "H1")) for lever in TRUTH.levers]], dtype=float)
    got = restraint(TRUTH, levels, np.ones_like(levels))[0]
    for place in range(len(ACTIVITY_ORDER)):
        weak, middle, strong = sorted(
            lever.strength[place] for lever in TRUTH.levers if lever.code in ("C2", "C6", "H1")
        )
        expected = strong + (1 - strong) * TRUTH.shared_part * (1 - (1 - weak) * (1 - middle))
        assert got[place] == pytest.approx(expected)
        assert got[place] < weak + middle + strong


def test_half_of_a_restraint_is_adopted_and_dropped_in_its_half_life() -> None:
    calm = replace(TRUTH, erosion_floor=1.0, activities=tuple(replace(a, habit_share=0.0) for a in TRUTH.activities))
    people, full, none = People(calm), np.full((1, 7), 0.8), np.zeros((1, 7))
    for _ in range(round(calm.tightening_half_life)):
        followed = people.step(full)
    np.testing.assert_allclose(followed, 0.4)
    for _ in range(200):
        people.step(full)
    for _ in range(round(calm.easing_half_life)):
        followed = people.step(none)
    np.testing.assert_allclose(followed, 0.4)


def test_adherence_erodes_to_its_floor_and_comes_back() -> None:
    plain = replace(TRUTH, activities=tuple(replace(a, habit_share=0.0) for a in TRUTH.activities))
    people, full = People(plain), np.ones((1, 7))
    course = np.array([people.step(full)[0] for _ in range(3000)])
    assert course[:30].max() > 0.85
    lasting = 1 / (1 - 0.5 ** (1 / plain.burden_half_life))  # the burden of full restraint for ever
    floor, half = plain.erosion_floor, plain.erosion_half
    assert course[-1] == pytest.approx(floor + (1 - floor) / (1 + lasting / half), abs=0.01)
    assert (np.diff(course[60:]) <= 1e-12).all()
    for _ in range(round(10 * plain.burden_half_life)):
        people.step(np.zeros((1, 7)))
    assert max(people.step(full)[0] for _ in range(30)) > 0.85


def test_people_react_three_days_ahead_and_not_sooner() -> None:
    change = pd.Timestamp("2030-05-02")
    effect = true_effect(constant({"C2": 3}, str(change.date())), constant({}))
    assert (effect.loc[: change - pd.Timedelta(days=4)] == 0).all(axis=None)
    assert effect.loc[change - pd.Timedelta(days=3), "workplaces"] < -0.1
    felt = effect.loc[change - pd.Timedelta(days=3) : change + pd.Timedelta(days=10), "retail"]
    assert felt.iloc[-1] < -25 < felt.iloc[0]


def test_a_lever_without_strength_has_no_effect() -> None:
    dead = replace(TRUTH, levers=tuple(replace(x, strength=(0.0,) * 7) if x.code == "C4" else x for x in TRUTH.levers))
    effect = true_effect(constant({"C4": 4}), constant({}), truth=dead)
    assert (effect == 0).all(axis=None)
    assert true_effect(constant({"C4": 4}), constant({}))["retail"].mean() < -5


def test_caution_is_a_capped_power_of_reported_cases() -> None:
    days = pd.date_range("2029-12-01", "2031-12-31", name="date")
    at = pd.date_range("2030-05-13", "2030-05-19", name="date")

    def retail(incidence: float, policy: pd.DataFrame) -> pd.Series:
        cases = pd.Series(incidence * TRUTH.inhabitants / 100_000, index=days)
        return expected_mobility(policy, cases, dates=at)["retail"]

    free = constant({})
    calm, some, more = (retail(x, free) for x in (0.0, 2.5, 10.0))
    ratio = (more - calm) / (some - calm)
    np.testing.assert_allclose(ratio, 4**TRUTH.caution_exponent)
    capped = (retail(1e4, free) - calm) / (some - calm)
    uncapped = TRUTH.caution_scale * (2.5 / TRUTH.caution_reference) ** TRUTH.caution_exponent
    np.testing.assert_allclose(capped, TRUTH.caution_cap / uncapped)
    np.testing.assert_allclose(retail(1e6, free), retail(1e4, free))


def test_closing_and_masks_slow_a_free_epidemic(world: MeridiaWorld) -> None:
    for code in ("C2", "C6", "H6", "C8"):
        strict = world.policy.copy()
        lever = TRUTH.levers[CODES.index(code)]
        strict.loc["2030-02-14":"2030-05-31", code] = float(lever.maximum)
        if lever.has_flag:
            strict.loc["2030-02-14":"2030-05-31", f"{code}_Flag"] = 1.0
        window = slice("2030-03-01", "2030-05-31")
        assert expected_cases(strict).loc[window].sum() < 0.97 * expected_cases(world.policy).loc[window].sum(), code


def test_the_effect_of_policy_is_confounded_with_the_epidemic(world: MeridiaWorld) -> None:
    lead = world.cases.rolling(7).mean().shift(7)
    assert stringency(world.policy).corr(np.sqrt(lead)) > 0.6
    held = true_effect(constant({}), world.policy)["retail"].mean()
    free = true_effect(constant({}), world.policy, epidemic="free")["retail"].mean()
    assert held > 15 > 5 > free - held
    assert free < held - 2  # without measures many fall ill and people stay at home by themselves


@st.composite
def paths(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """A random path, a stricter one, and the day on which they part."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    steps = draw(st.integers(0, 12))
    index = pd.date_range("2029-12-01", "2031-12-31", name="date")
    piece = np.searchsorted(np.sort(rng.integers(0, len(index), steps)), np.arange(len(index)), side="right")
    first = draw(st.integers(0, len(index) - 40))
    last = first + draw(st.integers(5, len(index) - first))
    loose: dict[str, np.ndarray] = {}
    strict: dict[str, np.ndarray] = {}
    inside = (np.arange(len(index)) >= first) & (np.arange(len(index)) < last)
    for lever in TRUTH.levers:
        level = rng.integers(0, lever.maximum + 1, steps + 1)[piece].astype(float)
        flag = rng.integers(0, 2, steps + 1)[piece].astype(float)
        loose[lever.code], loose[f"{lever.code}_Flag"] = level, flag
        rise = draw(st.integers(0, lever.maximum))
        strict[lever.code] = np.where(inside, np.minimum(level + rise, lever.maximum), level)
        strict[f"{lever.code}_Flag"] = np.where(inside, np.maximum(flag, draw(st.integers(0, 1))), flag)
    return pd.DataFrame(loose, index=index), pd.DataFrame(strict, index=index), first


@settings(max_examples=40, deadline=None)
@given(paths())
def test_a_stricter_path_never_raises_visits_on_average(pair: tuple[pd.DataFrame, pd.DataFrame, int]) -> None:
    loose, strict, first = pair
    dates = loose.index[max(first - len(TRUTH.anticipation), 0) :]
    effect = true_effect(strict, loose, dates).mean()
    assert (effect[OUT_OF_HOME] <= 1e-9).all()
    assert effect["residential"] >= -1e-9


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(CODES) - 1), st.data())
def test_a_stricter_level_of_any_lever_is_never_weaker(item: int, data: st.DataObject) -> None:
    lever = TRUTH.levers[item]
    background = np.array([[data.draw(st.integers(0, other.maximum)) for other in TRUTH.levers]], dtype=float)
    flags = (0, 1) if lever.has_flag else (1,)
    ladder = [(0, 1), *((level, flag) for level in range(1, lever.maximum + 1) for flag in flags)]
    levels, flagged = np.repeat(background, len(ladder), axis=0), np.ones((len(ladder), len(CODES)))
    levels[:, item], flagged[:, item] = zip(*ladder, strict=True)
    aims = restraint(TRUTH, levels, flagged)
    assert (np.diff(aims, axis=0) >= -1e-12).all()
    assert ((aims >= 0) & (aims < 1)).all()


@settings(max_examples=25, deadline=None)
@given(paths(), st.sampled_from(["held", "free"]))
def test_mobility_stays_possible_under_any_policy(pair: tuple[pd.DataFrame, pd.DataFrame, int], epidemic: str) -> None:
    mobility = expected_mobility(pair[1], epidemic=epidemic)  # type: ignore[arg-type]
    assert not mobility.isna().any(axis=None)
    assert (mobility[OUT_OF_HOME] > -100).all(axis=None)
    assert (mobility["residential"] < 100 * (24 / min(TRUTH.home_hours) - 1)).all()


def test_a_short_path_is_what_its_gaps_are_said_to_mean(world: MeridiaWorld) -> None:
    long = world.policy.copy()
    long.loc[:"2030-02-14"] = 0.0
    long.loc["2031-06-02":] = long.loc["2031-06-01"].to_numpy()
    short = world.policy.loc["2030-02-15":"2031-06-01"]
    pd.testing.assert_frame_equal(expected_mobility(short), expected_mobility(long))
    codes_only = world.policy[CODES]
    general = world.policy.copy()
    general[[name for name in general if name.endswith("_Flag")]] = 1.0
    pd.testing.assert_frame_equal(expected_mobility(codes_only), expected_mobility(general))


def test_what_is_wrong_is_said(world: MeridiaWorld) -> None:
    policy = world.policy
    with pytest.raises(InputError, match="indicator C3 is missing"):
        expected_mobility(policy.drop(columns="C3"))
    too_strict = policy.copy()
    too_strict.loc["2030-06-01", "C1"] = 4.0
    with pytest.raises(InputError, match=r"C1 is 4 on 2030-06-01.*0 to 3"):
        expected_mobility(too_strict)
    unknown = policy.copy()
    unknown.loc["2030-06-01", "C5"] = np.nan
    with pytest.raises(InputError, match="C5 is nan on 2030-06-01"):
        expected_mobility(unknown)
    with pytest.raises(InputError, match="not consecutive"):
        expected_mobility(policy.drop(index=pd.Timestamp("2030-06-01")))
    with pytest.raises(InputError, match="first day is 2032-01-01"):
        expected_mobility(policy.set_index(pd.date_range("2032-01-01", periods=len(policy))))
    with pytest.raises(InputError, match="outside Meridia's history"):
        expected_mobility(policy, dates=pd.date_range("2031-12-30", periods=5))
    with pytest.raises(InputError, match="Nearest valid: free"):
        expected_mobility(policy, epidemic="fre")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cases cannot be given"):
        expected_mobility(policy, world.cases, epidemic="free")
    with pytest.raises(InputError, match="new_cases is -1 on 2030-03-01"):
        negative = world.cases.copy()
        negative.loc["2030-03-01"] = -1.0
        expected_mobility(policy, negative)
