"""Generated worlds: the same by seed, exact in their truth, each with the one difficulty that its kind names."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.policy.timeline import PolicyTimeline
from core.synthetic import world_process, worlds
from core.synthetic.meridia import generate
from core.synthetic.world_process import ACTIVITIES, FULL_EFFECT, HOME, MEASURES, caution, restraint
from core.synthetic.worlds import HORIZON, KINDS, MERIDIA, World, generated_world, known_world, true_contrast
from core.validity.effect_estimators import KnownPast
from core.validity.effect_estimators.textbook import before_and_after
from core.validity.known_worlds import horizon_of

SEEDS = (0, 1, 2)
AWAY = list(ACTIVITIES)


@lru_cache(maxsize=32)
def world(kind: str, seed: int = 0) -> World:
    return generated_world(kind, seed)


def everything(timeline: PolicyTimeline, first: date, last: date | None = None) -> PolicyTimeline:
    return timeline.with_constant({item.code: item.maximum for item in timeline.indicators}, first, last)


def nothing(timeline: PolicyTimeline, first: date | None = None) -> PolicyTimeline:
    return timeline.with_constant(dict.fromkeys(timeline.codes, 0), first)


def without_epidemic(kind: str, seed: int = 0) -> World:
    return replace(world(kind, seed), cases=world(kind, seed).cases * 0)


# ---- what a world is


@pytest.mark.parametrize("kind", KINDS)
def test_equal_arguments_give_an_equal_world(kind: str) -> None:
    one, again, other = generated_world(kind, 3), generated_world(kind, 3), generated_world(kind, 4)
    pd.testing.assert_frame_equal(one.observations, again.observations, check_exact=True)
    pd.testing.assert_series_equal(one.cases, again.cases)
    assert one.timeline.id == again.timeline.id and one.study == again.study
    assert one.timeline.id != other.timeline.id
    assert np.abs(one.effects.weights - other.effects.weights).max() > 0.01


def test_a_kind_adds_one_thing_to_the_same_people() -> None:
    plain = world("plain")
    for kind in KINDS[1:]:
        other = world(kind)
        for name in ("types", "weights", "threshold", "saturation", "ceiling", "delay"):
            np.testing.assert_array_equal(getattr(plain.effects, name), getattr(other.effects, name))
        assert plain.cases.equals(other.cases)
        same_policy = plain.timeline.levels().equals(other.timeline.levels())
        assert same_policy == (kind != "confounded")
    assert world("fatigue").effects.fatigue is not None and plain.effects.fatigue is None
    assert world("anticipation").effects.anticipation is not None and plain.effects.anticipation is None
    assert (world("confounded").effects.caution > plain.effects.caution).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_is_a_study_like_the_others(kind: str, seed: int) -> None:
    made = world(kind, seed)
    study = made.study
    assert set(study.behaviour_ids) == {*AWAY, HOME} == set(made.observations.columns)
    assert study.indicator_codes == MEASURES
    days = len(made.observations)
    assert 500 <= days <= 700 and days == (study.end - study.start).days + 1
    assert study.end == made.origin + timedelta(days=HORIZON)
    assert made.observations.notna().all().all()
    assert (made.observations == made.observations.round()).all().all()
    assert (made.observations > -100).all().all()
    assert made.timeline.start < study.baseline_start and made.timeline.end == study.end
    assert (made.cases >= 0).all() and made.cases.max() > 100
    assert study.fictional and not study.shipped
    # An analyst has seen calm and strict days, and nobody has seen everything in full.
    seen = made.timeline.stringency().loc[: pd.Timestamp(made.origin)]
    assert seen.min() < 10 and 50 < seen.max() < 97


def test_noise_is_autocorrelated_and_of_a_plausible_size() -> None:
    for seed in SEEDS:
        noise = (world("plain", seed).observations - world("plain", seed).expected)[AWAY]
        follows = noise.apply(lambda column: column.autocorr(1))
        assert (follows > 0.3).all() and (follows < 0.9).all()
        assert noise.std().between(0.8, 15).all()
        assert noise["parks"].std() > noise["workplaces"].std()
        assert noise.corr().to_numpy()[np.triu_indices(5, 1)].mean() > 0.15


def test_unknown_worlds_are_refused() -> None:
    with pytest.raises(InputError, match="Nearest valid: fatigue"):
        known_world("fatige", 0)
    with pytest.raises(InputError, match="seed -1"):
        known_world("plain", -1)
    short = PolicyTimeline.from_levels(
        world("plain").timeline.levels(), world("plain").study, world("plain").timeline.calendar, end=date(2031, 1, 1)
    )
    with pytest.raises(InputError, match="2031-01-01"):
        world("plain").expected_under(short, world("plain").timeline.dates)


# ---- the truth


@pytest.mark.parametrize("kind", [*KINDS, MERIDIA])
def test_a_policy_against_itself_is_exactly_nothing(kind: str) -> None:
    made = known_world(kind, 1)
    same = made.timeline.renamed("Again", parent_id=made.timeline.id)
    assert (true_contrast(made, same, horizon_of(made)) == 0).all().all()


def test_expected_is_what_the_observed_policy_gives() -> None:
    for kind in KINDS:
        made = world(kind)
        days = pd.DatetimeIndex(made.expected.index)
        pd.testing.assert_frame_equal(made.expected_under(made.timeline, days), made.expected)
    shipped, course = known_world(MERIDIA, 0), generate()
    days = pd.DatetimeIndex(course.expected.index)
    pd.testing.assert_frame_equal(shipped.expected_under(shipped.timeline, days), course.expected, check_freq=False)


@pytest.mark.parametrize("kind", [*KINDS, MERIDIA])
@pytest.mark.parametrize("seed", SEEDS)
def test_stricter_policy_keeps_people_at_home(kind: str, seed: int) -> None:
    made = known_world(kind, seed)
    first, days = made.origin + timedelta(days=1), horizon_of(made)
    for stricter in (made.timeline.tightened(1, start=first), everything(made.timeline, first)):
        effect = true_contrast(made, stricter, days)
        assert (effect[AWAY].mean() <= 1e-9).all() and effect[HOME].mean() >= -1e-9
        if kind in ("plain", "confounded", "working_week"):
            assert (effect[AWAY] <= 1e-9).all().all() and (effect[HOME] >= -1e-9).all()
    full = true_contrast(made, everything(made.timeline, first), days).mean()
    free = true_contrast(made, nothing(made.timeline, first), days).mean()
    assert full["retail"] < -3 and free["retail"] > 3 and free[HOME] < 0 < full[HOME]


@pytest.mark.parametrize("seed", range(8))
def test_full_closure_prevents_what_closures_have_prevented(seed: int) -> None:
    effects = world("plain", seed).effects
    full = effects.types @ restraint(effects, np.ones((1, len(MEASURES))))[0]
    for value, (low, high) in zip(full, FULL_EFFECT, strict=True):
        assert low - 0.1 <= value <= high + 1e-9
    np.testing.assert_allclose(effects.weights.sum(axis=1), 1.0)


@given(dose=st.lists(st.floats(0, 1), min_size=10, max_size=10), place=st.integers(0, 9), more=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_restraint_is_bounded_and_never_falls_with_a_measure(dose: list[float], place: int, more: float) -> None:
    effects = world("plain").effects
    one = np.array([dose])
    other = one.copy()
    other[0, place] = max(other[0, place], more)
    less, stricter = restraint(effects, one), restraint(effects, other)
    assert (less >= 0).all() and (less <= effects.ceiling).all()
    assert (stricter >= less).all()


def test_response_has_a_threshold_and_a_plateau_as_no_logistic_has() -> None:
    effects = world("plain").effects
    level = np.linspace(0.0, 1.0, 201)
    rise = np.diff(restraint(effects, level[:, None] * np.ones(len(MEASURES))), axis=0)
    for kind in range(len(effects.types)):
        for place in range(len(ACTIVITIES)):
            below = level[1:] < effects.threshold[kind, place]
            above = level[:-1] > effects.saturation[kind, place]
            assert (rise[below, kind, place] == 0).all() and (rise[above, kind, place] == 0).all()
            between = ~below & ~above
            middle = rise[between, kind, place][1:-1]
            assert np.ptp(middle) < 1e-12 and middle.min() > 0


def test_fear_follows_last_weeks_cases_and_saturates() -> None:
    effects = world("confounded").effects
    cases = np.zeros(40)
    cases[10] = 70_000.0
    felt = caution(effects, cases, 5_000_000)
    assert (felt[:11] == 0).all() and (felt[18:] == 0).all()
    rate = 70_000 / 7 / 50
    np.testing.assert_allclose(felt[11:18], np.tile(effects.caution * rate / (rate + effects.caution_half), (7, 1)))


# ---- the one difficulty of each kind


def test_adherence_wears_off_in_the_fatigue_world_alone() -> None:
    for seed in SEEDS:
        tired, steady = without_epidemic("fatigue", seed), without_epidemic("plain", seed)
        first = tired.study.start + timedelta(days=30)
        strict = everything(nothing(tired.timeline), first)
        days = pd.date_range(first + timedelta(days=14), tired.origin, freq="D", unit="us", name="date")
        followed = [
            (item.expected_under(strict, days) - item.expected_under(nothing(item.timeline), days))["workplaces"]
            / (100.0 + item.expected_under(nothing(item.timeline), days)["workplaces"])
            for item in (tired, steady)
        ]
        share = (followed[0] / followed[1]).to_numpy()
        assert (np.diff(share) < 1e-9).all() and share[0] < 1.0
        assert 0.25 < share[300] < 0.85
        assert np.ptp(followed[1]) < 1e-9


def test_people_look_ahead_and_make_up_in_the_anticipation_world_alone() -> None:
    for seed in SEEDS:
        start = world("plain", seed).origin + timedelta(days=30)
        days = pd.date_range(start - timedelta(days=20), start - timedelta(days=1), freq="D", unit="us", name="date")
        after = pd.date_range(start + timedelta(days=41), periods=25, freq="D", unit="us", name="date")
        for kind in ("plain", "anticipation"):
            made = without_epidemic(kind, seed)
            free = nothing(made.timeline)
            dated = everything(free, start, start + timedelta(days=40))
            before = true_contrast(made, dated, days, reference=free)
            later = true_contrast(made, dated, after, reference=free)["retail"]
            if kind == "plain":
                assert (before == 0).all().all()
                assert (later <= 1e-9).all()
            else:
                assert before["retail"].iloc[-1] < -5 and before["workplaces"].iloc[-1] < -3
                assert (before.iloc[:10] == 0).all().all()
                assert later.max() > 2 and later.iloc[-1] < later.max() / 2


def test_the_naive_comparison_is_biased_where_the_epidemic_sets_the_policy() -> None:
    """The same comparison with and without the epidemic: what differs is what the fear adds to the policy's account."""
    bias: dict[str, list[float]] = {"plain": [], "confounded": []}
    for kind, found in bias.items():
        for seed in range(8):
            made = world(kind, seed)
            days = pd.date_range(made.study.start, made.origin, freq="D", unit="us", name="date")
            stringency = made.timeline.stringency(days)
            clean = without_epidemic(kind, seed).expected_under(made.timeline, days)
            true = before_and_after(KnownPast(clean, stringency, None)).effect
            naive = before_and_after(KnownPast(made.observations.loc[days], stringency, None)).effect
            found.append(float(naive["retail"] / true["retail"] - 1.0))
    confounded, plain = np.array(bias["confounded"]), np.array(bias["plain"])
    assert (confounded > 0).sum() >= 7 and confounded.mean() > 0.15 and np.median(confounded) > 0.1
    assert abs(plain.mean()) < confounded.mean() / 2


def test_policy_answers_the_epidemic_in_the_confounded_world_alone() -> None:
    """Over eight worlds: how stringency moves with the cases of the weeks before."""
    moves = {}
    for kind in ("plain", "confounded"):
        links = []
        for seed in range(8):
            made = world(kind, seed)
            recent = np.log1p(made.cases.rolling(28).mean()).loc[pd.Timestamp(made.study.start) :]
            links.append(made.timeline.stringency().reindex(recent.index).corr(recent))
        moves[kind] = np.array(links)
    assert moves["confounded"].min() > 0.5
    assert moves["plain"].mean() < moves["confounded"].min() - 0.1


@pytest.mark.parametrize("seed", range(6))
def test_the_moved_weekend_shows_on_the_days_concerned(seed: int) -> None:
    made = without_epidemic("working_week", seed)
    old, new = made.timeline.calendar.working_weeks
    assert new.announced <= made.origin < new.start < made.study.end - timedelta(days=60)
    free = nothing(made.timeline)
    kept = free.with_working_week(new.start, old.rest_days, old.weekend_days)
    days = pd.date_range(new.start, made.study.end, freq="D", unit="us", name="date")
    ordinary = (made.timeline.calendar.days(days)["day_type"] != "holiday").to_numpy()
    work = made.expected_under(free, days)["workplaces"]
    gained, lost = (set(old.rest_days) - set(new.rest_days)).pop(), (set(new.rest_days) - set(old.rest_days)).pop()
    on_gained, on_lost = (days.day_of_week == gained) & ordinary, (days.day_of_week == lost) & ordinary
    # After the UAE's move Google's figures read +140 to +195 on the new working days and about −45 on the new day of rest.
    assert work[on_gained].between(40, 280).all() and work[on_lost].between(-80, -40).all()
    change = true_contrast(made, kept, days, reference=free)["workplaces"]
    assert (change[on_gained] < -30).all() and (change[on_lost] > 30).all()
    same = np.isin(days.day_of_week, [0, 1, 2, 3, 5]) & ordinary
    assert (change[same] == 0).all()
    before = pd.date_range(made.study.start, made.origin, freq="D", unit="us", name="date")
    assert (true_contrast(made, kept, before, reference=free) == 0).all().all()


# ---- nothing shared with the engine


@pytest.mark.parametrize("module", [worlds, world_process])
def test_the_generator_takes_nothing_from_the_engine(module: object) -> None:
    source = Path(str(module.__file__)).read_text(encoding="utf-8")  # type: ignore[attr-defined]
    tree = ast.parse(source)
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom)
            else [item.name for item in node.names] if isinstance(node, ast.Import) else []
        )
    }  # fmt: skip
    for layer in ("cognition", "simulation", "calibration", "counterfactual", "forecasting", "people"):
        assert not any(name.startswith(f"core.{layer}") for name in imported), layer
    called = {node.attr if isinstance(node, ast.Attribute) else node.id for node in ast.walk(tree)
              if isinstance(node, ast.Attribute | ast.Name)}  # fmt: skip
    assert not called & {"expit", "logit", "sigmoid", "tanh", "sub_indices", "intensities", "days_under_restriction"}
    assert not called & {"coefficients_file", "load_coefficients"}


def test_a_world_is_made_without_loading_the_engine() -> None:
    code = (
        "import sys\nfrom core.synthetic.worlds import generated_world\ngenerated_world('plain', 0)\n"
        "print([name for name in sys.modules if name.startswith(('core.cognition', 'core.simulation'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout.strip() == "[]"
