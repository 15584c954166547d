"""The `rules` engine: an offline behavioural model. It is not a language model and is never shown as one.

Each person decides about each behaviour by log-odds that add up: a base, who the person is, the kind of day, minus what
the policy in force and the epidemic take away. The effects of policy wear off with the time that restrictions have
lasted. In matrix form, with loadings L (persons × terms) and context features X (contexts × terms), the probability is
1 / (1 + exp(-L·Xᵀ)); time at home is what the time spent away leaves of the day.

Every number comes from one table (`core.cognition.coefficients`), frozen before any test period was scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import expit

from core.cognition.coefficients import EVERY, HOURS_PER_DAY, CoefficientTable
from core.cognition.engine import CONTEXT, DAY_TYPE, EFFECT, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, Engine
from core.cognition.registry import DEFAULT_ENGINE
from core.errors import InputError, one_of
from core.policy.calendar import DAY_TYPES, period_kinds
from core.policy.indices import sub_indices
from core.registry import Parameter
from core.study import Codebook, Study, codebook_of
from core.study.levers import later

EPIDEMIC_LEVELS = (1, 2)


#: Engine-wide numbers without a closed form. All are assumptions until a calibration has fitted them, and the run record says
#: which were.
PARAMETERS: Mapping[str, Parameter] = {
    "fatigue": Parameter(0.5, 0.0, 0.9, "share", "Share of a policy's effect that wears off in the end"),
    "fatigue_days": Parameter(
        120.0, 30.0, 365.0, "days", "Days under restrictions after which half of that has worn off"
    ),
    "epidemic": Parameter(1.0, 0.0, 3.0, "multiple", "Voluntary caution, as a multiple of the table's"),
}


@dataclass(frozen=True)
class CompiledBehaviour:
    """One behaviour's rows of the table as matrices over (1, features): each (1 + features, terms of that kind).

    `shifts` are log-odds (the constant, day types, Ramadan, classes of context variables); `effects` (terms,) are the sizes of
    policy and epidemic effects and `modifiers` what scales them. `hours` away from home on a day with this behaviour.
    """

    name: str
    shifts: np.ndarray
    effects: np.ndarray
    modifiers: np.ndarray
    hours: float

    def loading(self, features: np.ndarray) -> np.ndarray:
        """How strongly each term moves each person: float32, (personas, terms); effects are never negative."""
        ones = np.ones((features.shape[0], 1))
        extended = np.hstack([ones, features])
        sizes = self.effects * np.maximum(_product(extended, self.modifiers), 0.0)
        return np.hstack([_product(extended, self.shifts), sizes]).astype(np.float32)


@dataclass(frozen=True)
class RulesEngine(Engine):
    """The offline engine of a study. `respond` gives the same answer for the same input on every machine and run."""

    features: tuple[str, ...]
    compiled: tuple[CompiledBehaviour, ...]
    remainders: tuple[str, ...]
    behaviours: tuple[str, ...]
    codebook: Codebook
    kinds: tuple[str, ...] = DAY_TYPES
    context: tuple[tuple[str, int], ...] = ()
    fatigue: float = PARAMETERS["fatigue"].default
    fatigue_days: float = PARAMETERS["fatigue_days"].default
    epidemic: float = PARAMETERS["epidemic"].default
    unused: tuple[str, ...] = later(())
    name: str = DEFAULT_ENGINE
    version: str = "2"
    searched: ClassVar[Mapping[str, Parameter]] = PARAMETERS

    @classmethod
    def for_study(cls, study: Study, table: CoefficientTable) -> RulesEngine:
        """The engine of a study's behaviours and indicators.

        InputError for a behaviour the table does not know, and for a key of the table that no study could mean.
        """
        for behaviour in study.behaviour_ids:
            one_of(behaviour, [*table.behaviours(), *table.remainders()], what="behaviour", where=table.name)
        _check_signs(study, table)
        kinds = period_kinds(study.calendar)
        # A table may serve studies with fewer indicators; a code that no tracker knows is a slip of the pen.
        codes = [item.code for item in codebook_of(study).indicators]
        context = tuple((item.code, level) for item in study.context for level in range(1, len(item.words)))
        known = {
            "policy": [*codes, *study.indicator_codes],
            "epidemic": [str(level) for level in EPIDEMIC_LEVELS],
            "context": [f"{code}={level}" for code, level in context],
        }
        for term, keys in known.items():
            for key in table.rows.loc[table.rows["term"] == term, "key"].unique():
                one_of(key, [EVERY, *keys], what=f"key of a {term} row", where=table.name)
        tires = () if study.fatigue else ("fatigue", "fatigue_days")
        hears = () if (table.rows["term"] == "epidemic").any() else ("epidemic",)
        return cls(
            unused=(*tires, *hears),
            features=table.features(),
            compiled=tuple(
                _compiled(table, name, tuple(study.indicator_codes), kinds, context) for name in table.behaviours()
            ),
            remainders=tuple(name for name in table.remainders() if name in study.behaviour_ids),
            behaviours=study.behaviour_ids,
            codebook=Codebook(study.indicators, {}, study.id),
            kinds=kinds,
            context=context,
        )

    def respond(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
        features = self.person_features(personas)
        terms = np.ascontiguousarray(self._context_terms(contexts).T)
        people = len(personas)
        answers = np.empty((people, len(contexts), len(self.behaviours)), dtype=np.float32)
        away = np.zeros((people, len(contexts)), dtype=np.float32)
        for item in self.compiled:
            probability = _product(item.loading(features), terms)
            expit(probability, out=probability)
            if item.name in self.behaviours:
                answers[:, :, self.behaviours.index(item.name)] = probability
            away += np.float32(item.hours / HOURS_PER_DAY) * probability
        for name in self.remainders:
            answers[:, :, self.behaviours.index(name)] = np.clip(1.0 - away, 0.0, 1.0)
        return answers

    def person_features(self, personas: pd.DataFrame) -> np.ndarray:
        """What the table asks about each person, (personas, features): 0/1 for a category, -0.5..0.5 for a trait.

        Where the personas have a column of a category's own name (`sex=female`), it holds the value: see
        `core.people.averages`.
        """
        columns: list[np.ndarray] = []
        for feature in self.features:
            attribute, _, category = feature.partition("=")
            if category and feature in personas.columns:
                columns.append(personas[feature].to_numpy(dtype=float))
            elif attribute not in personas.columns:
                # A population without this attribute (no nationality, say) has nobody to whom the row applies.
                columns.append(np.zeros(len(personas)))
            elif category:
                columns.append((personas[attribute] == category).to_numpy(dtype=float))
            else:
                columns.append(personas[attribute].to_numpy(dtype=float) - 0.5)
        return np.column_stack(columns) if columns else np.zeros((len(personas), 0))

    def _context_terms(self, contexts: pd.DataFrame) -> np.ndarray:
        """Context features in the order of a loading's columns: float32, (contexts, terms)."""
        intensity = sub_indices(contexts, self.codebook).to_numpy(dtype=float) / 100.0
        for place, item in enumerate(self.codebook.indicators):
            if f"{item.code}{EFFECT}" in contexts:
                intensity[:, place] = contexts[f"{item.code}{EFFECT}"].to_numpy(dtype=float)
        if np.isnan(intensity).any():
            raise InputError(
                "a context has no level for some indicator", where="rules engine", allowed="every level known"
            )
        days = contexts[RESTRICTED_DAYS].to_numpy(dtype=float)
        lasting = 1.0 - self.fatigue * (1.0 - np.exp2(-days / self.fatigue_days))
        kinds = contexts[DAY_TYPE].to_numpy()
        epidemic = contexts[EPIDEMIC].to_numpy()
        terms: list[np.ndarray] = [np.ones(len(contexts))]
        terms += [(kinds == kind).astype(float) for kind in self.kinds]
        terms.append(contexts[RAMADAN].to_numpy(dtype=float))
        terms += [(contexts[f"{code}{CONTEXT}"].to_numpy() == level).astype(float) for code, level in self.context]
        terms += [-column * lasting for column in intensity.T]
        terms += [-(epidemic == level).astype(float) * self.epidemic for level in EPIDEMIC_LEVELS]
        return np.column_stack(terms).astype(np.float32)


def _check_signs(study: Study, table: CoefficientTable) -> None:
    """InputError for a policy row that adds where the study expects more of that lever to lower a behaviour, or the reverse."""
    expected = {item.id: item for item in study.behaviours}
    for name in table.behaviours():
        rows = table.term(name, "policy")
        rows = rows[rows["modifier"] == ""]
        for place, key, value in zip(rows.index.tolist(), rows["key"], rows["value"], strict=True):
            for code in study.indicator_codes if key == EVERY else (key,):
                sign = expected[name].sign_of(code) if name in expected else -1
                if value * sign > 0:
                    allowed = "0 and above, which take away" if sign < 0 else "0 and below, which add"
                    raise InputError(
                        f"a stricter policy ({code}) would {'raise' if sign < 0 else 'lower'} {name}",
                        where=f"{table.name}, row {place + 2}",
                        allowed=f"values of {allowed}, as the study expects",
                    )


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Matrix product whose last bit depends neither on the machine's number of cores nor on its load, as BLAS's does."""
    return np.einsum("ik,kj->ij", left, right)


@lru_cache(maxsize=64)
def _compiled(
    table: CoefficientTable,
    behaviour: str,
    indicators: tuple[str, ...],
    kinds: tuple[str, ...],
    context: tuple[tuple[str, int], ...] = (),
) -> CompiledBehaviour:
    """The rows of a behaviour as matrices; row 0 stands for everybody, the others for the table's features."""
    row_of = {name: position for position, name in enumerate(("", *table.features()))}
    base = float(table.term(behaviour, "base")["value"].iloc[0])
    constant = np.zeros((len(row_of), 1))
    constant[0, 0] = np.log(base / (1 - base))
    for term in ("persona", "trait"):
        for row in table.term(behaviour, term).to_dict("records"):
            constant[row_of[row["key"]], 0] += row["value"]
    named = [f"{code}={level}" for code, level in context]
    days, effects = (*kinds, RAMADAN, *named), [*indicators, *map(str, EPIDEMIC_LEVELS)]
    shifts = np.zeros((len(row_of), len(days)))
    for row in table.term(behaviour, "day").to_dict("records"):
        day = days.index(
            one_of(row["key"], days, what="day type" if kinds == DAY_TYPES else "kind of period", where=table.name)
        )
        shifts[row_of[row["modifier"]], day] += row["value"]
    for row in table.term(behaviour, "context").to_dict("records"):
        shifts[row_of[row["modifier"]], days.index(row["key"])] += row["value"]
    sizes, modifiers = np.zeros(len(effects)), np.zeros((len(row_of), len(effects)))
    modifiers[0] = 1.0
    for term, keys in (("policy", list(indicators)), ("epidemic", [str(level) for level in EPIDEMIC_LEVELS])):
        for row in table.term(behaviour, term).to_dict("records"):
            concerned = keys if row["key"] == EVERY else [row["key"]]
            for column in [effects.index(key) for key in concerned if key in effects]:
                if row["modifier"]:
                    modifiers[row_of[row["modifier"]], column] += row["value"]
                else:
                    sizes[column] += row["value"]
    hours = float(table.term(behaviour, "hours")["value"].sum())
    return CompiledBehaviour(behaviour, np.hstack([constant, shifts]), sizes, modifiers, hours)
