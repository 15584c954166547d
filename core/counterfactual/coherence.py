"""Whether the agents behave coherently: more policy moves every behaviour in its expected direction or not at all, and
activity stays in [0, 1], whatever else is going on.

"Whatever else" is every value of everything that a context can say beside policy: the kind of day, Ramadan, the epidemic
level, and how long restrictions have lasted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.search import search_sample
from core.cognition.engine import CONTEXT, DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, SEASON, ResponseEngine
from core.counterfactual.levels import FrozenPolicy, policy_ladder
from core.policy.calendar import period_kinds
from core.policy.indices import sub_indices
from core.simulation.contexts import RESTRICTED_MIDDLES
from core.simulation.simulate import simulate
from core.study import Codebook, Step, Study

#: Mean activity is a share of people; 32-bit answers differ in the last digits.
RESOLUTION = 1e-6
#: People who are asked about every situation, spread evenly over the population: a staircase in all of them is tens of
#: thousands of questions, and an engine of rules that is coherent for these is so for their neighbours.
MOST_PEOPLE = 50
#: Failures that are named, the largest first, one for each lever and behaviour.
MOST_FAILURES = 12
#: What is raised where several levers are at once.
STRINGENCY = "stringency"


@dataclass(frozen=True)
class CoherenceFailure:
    """The largest step of a behaviour in the wrong direction when `lever` (an indicator's code, or `STRINGENCY`) rises:
    its `size` (share of people) and the `situation` (day_type, ramadan, epidemic, restricted_days, season where told)."""

    lever: str
    behaviour: str
    size: float
    situation: dict[str, str | int | bool]


@dataclass(frozen=True)
class Coherence:
    """Of `pairs` of a looser and a stricter policy in otherwise equal ones of `situations` situations, and each
    behaviour: how many `comparisons` there were and how many moved `as_expected` or not at all; `bounded` says that all
    activity lies in [0, 1]; `failures` where it did not. Of how many `situations` was not kept by earlier versions."""

    pairs: int
    comparisons: int
    as_expected: int
    bounded: bool
    failures: tuple[CoherenceFailure, ...] = ()
    situations: int | None = None

    @property
    def coherent(self) -> bool:
        """Whether there was something to compare and all of it was as expected: the claim that rules have to meet too."""
        return self.pairs > 0 and self.bounded and self.as_expected == self.comparisons


def behaves_coherently(engine: ResponseEngine, personas: pd.DataFrame, study: Study) -> bool:
    """Whether `judged_coherence` finds nothing amiss."""
    return judged_coherence(engine, personas, study).coherent


def judged_coherence(engine: ResponseEngine, personas: pd.DataFrame, study: Study) -> Coherence:
    """Coherence in every situation that a context can describe: on the staircase from no measure to every measure, and
    for each lever alone, from nothing to its strictest level in general, while all others are absent, half-way up the
    staircase, or in full.

    The engine is asked about all of it, so this is for engines that cost nothing to ask.
    """
    people = search_sample(personas, MOST_PEOPLE)
    walks = list(_walks(study))
    policies = pd.DataFrame([row for _, rows in walks for row in rows])
    ends = np.cumsum([len(rows) for _, rows in walks])
    looser = np.setdiff1d(np.arange(len(policies)), ends - 1)
    levers = np.concatenate([np.full(len(rows) - 1, lever, dtype=object) for lever, rows in walks])
    tally = _Tally(study)
    epidemics = range(len(study.epidemic_thresholds) + 1 if "cases" in study.sources else 1)
    ramadan_or_not = (False, True) if study.step is Step.DAY else (False,)
    around = [range(len(item.words)) for item in study.context]
    named = [f"{item.code}{CONTEXT}" for item in study.context]
    lasted = RESTRICTED_MIDDLES if study.fatigue else (0,)
    rest = list(product(ramadan_or_not, epidemics, lasted, *around))
    kinds = period_kinds(study.calendar)
    for kind in kinds:
        about: list[dict[str, Any]] = [
            {
                DAY_TYPE: kind,
                RAMADAN: ramadan,
                EPIDEMIC: epidemic,
                RESTRICTED_DAYS: days,
                **dict(zip(named, others, strict=True)),
            }
            for ramadan, epidemic, days, *others in rest
        ]
        # One frame for all situations of a kind of day: an engine spends as long on being asked as on answering.
        asked = policies.iloc[np.tile(np.arange(len(policies)), len(about))].reset_index(drop=True)
        told = pd.DataFrame(about).loc[np.repeat(np.arange(len(about)), len(policies))].reset_index(drop=True)
        means = simulate(engine, people, pd.concat([asked, told], axis=1)).everyone
        tally.bound(means)
        for place, situation in enumerate(about):
            part = means[place * len(policies) : (place + 1) * len(policies)]
            tally.compare(part[looser], part[looser + 1], levers, situation)
    return tally.result(len(policies) * len(kinds) * len(rest))


def answered_coherence(contexts: pd.DataFrame, means: np.ndarray, study: Study) -> Coherence:
    """Coherence judged by what was answered anyway: no situation is asked about for this alone, as a language model
    would have to be. `means` is everyone's activity, (contexts, behaviours); where nobody answered it is missing and
    left out."""
    strictness = sub_indices(contexts, Codebook(study.indicators, {}, study.id))
    codes = np.array([item.code for item in study.indicators], dtype=object)
    strict = strictness[list(codes)].to_numpy(float)
    columns = [DAY_TYPE, RAMADAN, EPIDEMIC, RESTRICTED_DAYS, *([SEASON] if SEASON in contexts else [])]
    columns += [f"{item.code}{CONTEXT}" for item in study.context]
    about = contexts[columns].astype(str).agg("|".join, axis=1).to_numpy()
    tally = _Tally(study)
    tally.bound(means)
    for kind in dict.fromkeys(about):
        rows = np.flatnonzero(about == kind)
        above = (strict[rows, None, :] >= strict[None, rows, :]).all(axis=2)
        above &= (strict[rows, None, :] > strict[None, rows, :]).any(axis=2)
        stricter, looser = np.nonzero(above)
        if not len(stricter):
            continue
        raised = strict[rows[stricter]] > strict[rows[looser]]
        levers = np.where(raised.sum(axis=1) == 1, codes[raised.argmax(axis=1)], STRINGENCY)
        situation = {name: _plain(contexts[name].iloc[rows[0]]) for name in columns}
        tally.compare(means[rows[looser]], means[rows[stricter]], levers, situation)
    return tally.result(len(contexts))


def _walks(study: Study) -> Iterator[tuple[str, list[dict[str, float]]]]:
    """What is raised, and the policies that it goes through, each nowhere looser than the one before."""
    steps = policy_ladder(study)
    yield STRINGENCY, [FrozenPolicy(0.0, 0.0, step).row(study) for step in steps]
    for item in study.indicators:
        for others in (steps[0], steps[len(steps) // 2], steps[-1]):
            rows = []
            for level in item.steps():
                row = FrozenPolicy(0.0, 0.0, {**others, item.code: level}).row(study)
                if item.has_flag and level:
                    rows.append({**row, f"{item.code}_Flag": 0.0})
                rows.append(row)
            yield item.code, rows


class _Tally:
    """Counts what moved as expected, and keeps the worst of what did not."""

    def __init__(self, study: Study) -> None:
        self._names = study.behaviour_ids
        self._signs = np.array([item.expected_sign for item in study.behaviours])
        self._pairs = self._comparisons = self._fine = 0
        self._bounded = True
        self._worst: dict[tuple[str, str], CoherenceFailure] = {}

    def bound(self, means: np.ndarray) -> None:
        seen = means[np.isfinite(means)]
        self._bounded &= bool((seen >= -RESOLUTION).all() and (seen <= 1 + RESOLUTION).all())

    def compare(
        self,
        looser: np.ndarray,
        stricter: np.ndarray,
        levers: Sequence[str] | np.ndarray,
        situation: dict[str, str | int | bool],
    ) -> None:
        """Pairs of means (pairs, behaviours), what was raised in each, and the situation they share."""
        moved = (stricter - looser) * self._signs
        seen = np.isfinite(moved)
        wrong = seen & (moved < -RESOLUTION)
        self._pairs += len(moved)
        self._comparisons += int(seen.sum())
        self._fine += int(seen.sum() - wrong.sum())
        for row, column in np.argwhere(wrong):
            key, size = (str(levers[row]), self._names[column]), float(-moved[row, column])
            if key not in self._worst or size > self._worst[key].size:
                self._worst[key] = CoherenceFailure(*key, size, situation)

    def result(self, situations: int) -> Coherence:
        worst = sorted(self._worst.values(), key=lambda item: (-item.size, item.lever, item.behaviour))
        counts = (self._pairs, self._comparisons, self._fine)
        return Coherence(*counts, self._bounded, tuple(worst[:MOST_FAILURES]), situations)


def _plain(value: object) -> str | int | bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return int(value) if isinstance(value, int | np.integer) else str(value)
