"""Meridia: what ships is what the process makes, and it shares nothing with the engines."""

from __future__ import annotations

import ast
import time
import tomllib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from meridia_cases import stringency

from core.datasets.tables import read_cases, read_mobility, read_policy
from core.study import Study, load_study
from core.synthetic.meridia import (
    COLUMNS,
    MeridiaWorld,
    generate,
    known_effects,
    write,
)
from core.synthetic.meridia_process import (
    DAYS,
    annual,
    normals,
    ordinary_week,
    uniforms,
)
from core.synthetic.meridia_truth import ACTIVITY_ORDER, TRUTH, UNPUBLISHED, effects_tables

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "data" / "meridia"
#: The process of mobility; invented interviews have another, and are answered by nobody's engine.
MODULES = sorted(
    path for path in (ROOT / "core" / "synthetic").glob("meridia*.py") if path.stem != "meridia_interviews"
)


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study("meridia")


def period(first: date, last: date) -> slice:
    return slice(pd.Timestamp(first), pd.Timestamp(last))


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
