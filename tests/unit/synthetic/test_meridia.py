"""Meridia: what ships is what the process makes, and the truth it promises is the truth it keeps."""

from __future__ import annotations

import ast
import time
import tomllib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.datasets.tables import read_cases, read_mobility, read_policy
from core.errors import InputError
from core.study import Study, load_study
from core.synthetic.meridia import (
    COLUMNS,
    MeridiaWorld,
    expected_cases,
    expected_mobility,
    generate,
    known_effects,
    true_effect,
    write,
)
from core.synthetic.meridia_process import (
    DAYS,
    People,
    annual,
    dose_response,
    normals,
    ordinary_week,
    restraint,
    uniforms,
)
from core.synthetic.meridia_truth import ACTIVITY_ORDER, TRUTH, UNPUBLISHED, effects_tables

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "data" / "meridia"
OUT_OF_HOME = [name for name in COLUMNS if name != "residential"]
CODES = [lever.code for lever in TRUTH.levers]
MODULES = sorted((ROOT / "core" / "synthetic").glob("meridia*.py"))


@pytest.fixture(scope="module")
def world() -> MeridiaWorld:
    return generate()


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study("meridia")


def sub_indices(policy: pd.DataFrame) -> pd.DataFrame:
    """The tracker's sub-indices (0-100), written out again here: 100·(v − 0.5·(F − f))/N."""
    parts = {}
    for lever in TRUTH.levers:
        level = policy[lever.code]
        flag = policy[f"{lever.code}_Flag"].fillna(0.0) if lever.has_flag else 1.0
        parts[lever.code] = (100 * (level - 0.5 * (1.0 - flag)) / lever.maximum).where(level > 0, 0.0)
    return pd.DataFrame(parts)


def stringency(policy: pd.DataFrame) -> pd.Series:
    return sub_indices(policy).drop(columns="H6").mean(axis=1)


def period(first: date, last: date) -> slice:
    return slice(pd.Timestamp(first), pd.Timestamp(last))


def constant(level: dict[str, float], start: str = "2029-12-01") -> pd.DataFrame:
    """A path with these levels, general, from `start` on and nothing before."""
    index = pd.date_range("2029-12-01", "2031-12-31", name="date")
    frame = pd.DataFrame(0.0, index=index, columns=CODES)
    for code, value in level.items():
        frame.loc[start:, code] = value
    return frame


# What ships


def test_what_ships_is_what_the_process_makes(tmp_path: Path) -> None:
    for made in write(tmp_path):
        assert made.read_bytes() == (SHIPPED / made.name).read_bytes(), made.name


def test_what_ships_is_small_and_whole_numbers_only() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 100_000
    for name in ("mobility.csv", "policy.csv", "cases.csv"):
        cells = {cell for line in (SHIPPED / name).read_text().splitlines()[1:] for cell in line.split(",")[1:]}
        assert all(cell == "" or str(int(cell)) == cell for cell in cells), name


def test_the_importers_read_it_back(world: MeridiaWorld, study: Study) -> None:
    readers = {"mobility": read_mobility, "policy": read_policy, "cases": read_cases}
    read = {}
    for kind, reader in readers.items():
        source = study.sources[kind]
        frame = reader(ROOT / "data" / source.file, layout=source.layout, place=source.place)
        read[kind] = frame.set_index("date")
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(read["mobility"][column], world.mobility[name])
    for column in world.policy.columns:
        np.testing.assert_array_equal(read["policy"][column], world.policy[column])
    np.testing.assert_array_equal(read["cases"]["new_cases"], world.cases)


def test_the_world_follows_the_conventions(world: MeridiaWorld, study: Study) -> None:
    for frame in (world.mobility, world.expected, world.policy, world.cases):
        assert frame.index.name == "date"
        assert frame.index.dtype == "datetime64[us]"
        assert (np.diff(frame.index) == np.timedelta64(1, "D")).all()
    assert tuple(world.mobility.columns) == study.behaviour_ids == tuple(COLUMNS)
    assert {item.id: item.column for item in study.behaviours} == COLUMNS
    assert (world.mobility.index[0].date(), world.mobility.index[-1].date()) == (study.start, study.end)
    assert world.policy.index[0].date() == date(2029, 12, 1) == DAYS[0]
    assert world.policy.index.equals(world.cases.index)
    assert not world.expected.isna().any(axis=None)
    assert (world.cases >= 0).all()
    missing = {(name, day.date()) for name in COLUMNS for day in world.mobility.index[world.mobility[name].isna()]}
    documented = {
        (name, first + timedelta(days=offset))
        for name, first, last in UNPUBLISHED
        for offset in range((last - first).days + 1)
    }
    assert missing == documented


def test_a_seed_fixes_the_world_and_another_seed_makes_another(world: MeridiaWorld) -> None:
    pd.testing.assert_frame_equal(generate(2030).mobility, world.mobility)
    other = generate(7)
    assert not other.mobility.equals(world.mobility)
    assert not other.policy.equals(world.policy)
    assert not other.cases.equals(world.cases)


def test_the_random_stream_is_the_one_numpy_promises_to_keep() -> None:
    drawn = uniforms(np.random.SeedSequence(2030), (3,))
    raw = np.random.PCG64(np.random.SeedSequence(2030)).random_raw(3)
    assert drawn.tolist() == [(int(value) // 2**11 + 0.5) / 2**53 for value in raw]
    many = normals(np.random.SeedSequence(1), (20_000,))
    assert abs(many.mean()) < 0.03
    assert abs(many.std() - 1.0) < 0.02
    assert abs((np.abs(many) < 1.96).mean() - 0.95) < 0.01


def test_generating_takes_less_than_half_a_second() -> None:
    def once(seed: int) -> float:
        started = time.perf_counter()
        generate(seed)
        return time.perf_counter() - started

    assert min(once(seed) for seed in (1, 2, 3)) < 0.5


# The study file


def test_the_study_says_that_it_is_fictional(study: Study) -> None:
    assert study.fictional and study.shipped
    assert "fictional" in study.title and "fictional" in study.place
    assert "does not exist" in study.summary
    assert study.calendar.country is None and not study.calendar.ramadan
    assert study.inhabitants == TRUTH.inhabitants
    assert study.baseline_start.year == study.start.year == 2030


def test_the_study_and_the_process_agree_on_levers_and_holidays(study: Study) -> None:
    assert [(item.code, item.maximum, item.has_flag) for item in study.indicators] == [
        (lever.code, lever.maximum, lever.has_flag) for lever in TRUTH.levers
    ]
    assert [(item.day, item.name, item.announced) for item in study.calendar.holidays] == [
        (item.day, item.name, item.announced) for item in TRUTH.holidays
    ]
    baseline = [item.day for item in TRUTH.holidays if study.baseline_start <= item.day <= study.baseline_end]
    assert not baseline
    late = [item.name for item in TRUTH.holidays if (item.day - item.announced).days < 365]
    assert late == ["Jubilee of the Charter"]
    assert next(item for item in TRUTH.holidays if item.name == late[0]).announced > study.train_end


def test_all_epidemic_levels_occur_in_training_and_after(world: MeridiaWorld, study: Study) -> None:
    weekly = world.cases.rolling(7).mean() * 100_000 / study.inhabitants
    levels = pd.Series(np.digitize(weekly.fillna(0.0), study.epidemic_thresholds), index=weekly.index)
    for part in (levels.loc[period(study.start, study.train_end)], levels.loc[period(study.train_end, study.end)]):
        assert (part.value_counts(normalize=True).reindex([1, 2], fill_value=0.0) > 0.05).all()
    assert set(levels.loc[period(study.start, study.train_end)]) == {0, 1, 2}


def test_the_policy_history_is_rich(world: MeridiaWorld, study: Study) -> None:
    policy = world.policy.loc[period(study.start, study.end)]
    changed = (policy.fillna(-1.0).diff().iloc[1:] != 0).any(axis=1)
    assert changed.sum() >= 40
    index = stringency(policy)
    assert index.min() < 10 and 70 < index.max() < 90
    weekly = index.resample("W").mean()
    assert (weekly.diff() < -5).sum() >= 5 and (weekly.diff() > 5).sum() >= 5
    for lever in TRUTH.levers:
        columns = [lever.code, f"{lever.code}_Flag"] if lever.has_flag else [lever.code]
        assert policy[lever.code].nunique() >= 2 and len(policy[columns].drop_duplicates()) >= 3, lever.code
        if lever.has_flag:
            assert set(policy[f"{lever.code}_Flag"].dropna()) == {0.0, 1.0}, lever.code
            assert (policy[f"{lever.code}_Flag"].isna() == (policy[lever.code] == 0)).all()
    # The mix differs between waves of like stringency: face coverings late, closed workplaces early.
    one, other = policy.loc["2030-04-02":"2030-04-20"].mean(), policy.loc["2031-04-02":"2031-04-20"].mean()
    assert other["H6"] > one["H6"] and other["C1"] < one["C1"]


def test_every_change_is_announced_and_decrees_hold(world: MeridiaWorld) -> None:
    changed = (world.policy.fillna(-1.0).diff().iloc[1:] != 0).any(axis=1)
    thursday = (TRUTH.review_weekday + TRUTH.announcement_days) % 7
    assert set(world.policy.index[1:][changed].day_of_week) == {thursday}
    assert TRUTH.announcement_days == len(TRUTH.anticipation)
    for decree in TRUTH.decrees:
        assert decree.start.weekday() == thursday, decree.reason
        level = world.policy.loc[period(decree.start, decree.end), decree.code]
        assert ((level <= decree.level) if decree.at_most else (level >= decree.level)).all(), decree.reason


# Realism


def test_the_series_look_like_mobility(world: MeridiaWorld, study: Study) -> None:
    weekly = world.mobility.resample("W").mean()
    index = stringency(world.policy).loc[period(study.start, study.end)]
    assert -70 < weekly["retail"].min() < -40 and weekly["retail"].max() > -10
    assert weekly["grocery"].min() > weekly["retail"].min()
    assert 15 < weekly["residential"].max() < 30
    summer, winter = weekly.loc["2031-06-15":"2031-08-31"].mean(), weekly.loc["2031-11-05":"2031-12-20"].mean()
    assert summer["parks"] > 0 and summer["parks"] > winter["parks"] + 30
    assert summer["parks"] > summer["retail"] + 30, "people meet outside when shops are closed"
    related = world.mobility.rolling(7).mean().corrwith(index)
    assert -0.95 < related["transit"] < -0.6 and -0.9 < related["workplaces"] < -0.6
    assert 0.6 < related["residential"] < 0.95


def test_holidays_are_deep_troughs_at_work_and_not_in_parks(world: MeridiaWorld) -> None:
    for item in TRUTH.holidays:
        day = pd.Timestamp(item.day)
        if day not in world.expected.index or item.name == "Frost Fair" or item.name == "New Year":
            continue
        beside = world.expected.loc[[day - pd.Timedelta(days=7), day + pd.Timedelta(days=7)]].mean()
        assert world.expected.loc[day, "workplaces"] < beside["workplaces"] - 15, item
        assert world.expected.loc[day, "parks"] > beside["parks"], item
        assert world.expected.loc[day, "residential"] > beside["residential"], item


def test_the_published_figure_is_unbiased_for_the_expected_one() -> None:
    errors = pd.concat([generate(seed).mobility - generate(seed).expected for seed in range(6)])
    assert (errors.mean().abs() < 4 * errors.std() / np.sqrt(len(errors) / 4)).all()
    assert (errors.mean().abs() < 1.0).all()
    lagged = [
        (generate(seed).mobility - generate(seed).expected)["retail"].autocorr(1) for seed in range(3)
    ]  # rounding and reporting noise lower it
    assert 0.3 < np.mean(lagged) < TRUTH.noise_persistence + 0.05
    assert errors["retail"].corr(errors["transit"]) > 0.2


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


# Documentation and independence


def test_every_known_effect_is_documented() -> None:
    rows = known_effects()
    assert len({name for name, *_ in rows}) == len(rows) > 150
    assert all(meaning for *_, meaning in rows)
    assert {name: value for name, value, *_ in rows}["activities.retail.caution"] == 0.62
    assert effects_tables() in (SHIPPED / "README.md").read_text(encoding="utf-8")


def test_seasons_are_closed_over_the_year_and_weeks_are_whole() -> None:
    for activity in TRUTH.activities:
        season = pd.Series(annual(activity.season), index=pd.DatetimeIndex(DAYS))
        assert season.loc["2030-01-15"] == pytest.approx(activity.season[0])
        assert season.diff().abs().max() < 0.03
        assert len(activity.season) == 12 and len(activity.weekly_visits) == 7
    assert ordinary_week(TRUTH).shape == (7, len(ACTIVITY_ORDER))
    assert tuple(item.id for item in TRUTH.activities) == ACTIVITY_ORDER
    assert sum(TRUTH.report_delays) == pytest.approx(1.0)
    assert sum(item.contact_weight for item in TRUTH.activities) == pytest.approx(1.0)


def test_the_process_shares_no_code_and_no_form_with_the_engines() -> None:
    assert len(MODULES) == 3
    allowed = {"core.synthetic.meridia_truth", "core.synthetic.meridia_process", "core.errors"}
    forbidden = {"exp", "expm1", "exp2", "expit", "logit", "log", "logaddexp", "tanh", "softmax", "sigmoid"}
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("core"):
                assert node.module in allowed, f"{path.name} imports {node.module}"
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith(("core", "scipy")) for name in node.names), path.name
            if isinstance(node, ast.Attribute):
                assert node.attr not in forbidden, f"{path.name}: {node.attr}"
            if isinstance(node, ast.Name):
                assert node.id not in forbidden, f"{path.name}: {node.id}"


def test_the_study_file_draws_nothing_from_a_real_country() -> None:
    with (ROOT / "data" / "studies" / "meridia.toml").open("rb") as handle:
        raw = tomllib.load(handle)
    assert raw["calendar"].get("country") is None
    assert raw["start"].year >= 2030
    assert "covid" not in str(raw).lower()
