"""The `rules` engine: an offline behavioural model. It is not a language model and is never shown as one.

Each person decides about each behaviour by log-odds that add up: a base, who the person is, the kind of day, minus what
the policy in force and the epidemic take away. The effects of policy wear off with the time that restrictions have
lasted. In matrix form, with loadings L (persons × terms) and context features X (contexts × terms), the probability is
1 / (1 + exp(-L·Xᵀ)); time at home is what the time spent away leaves of the day.

Every number comes from one table (`core.cognition.coefficients`), frozen before any test period was scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pandas as pd

from core.cognition.coefficients import CoefficientTable
from core.cognition.engine import DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS
from core.errors import InputError, one_of
from core.policy.calendar import DAY_TYPES
from core.policy.indices import sub_indices
from core.study import Codebook, Study

HOURS_PER_DAY = 24.0
EPIDEMIC_LEVELS = (1, 2)
#: The searched parameters that shift attendance on days off; the table says which behaviours they move.
#: Attendance on the weekly day of rest is not among them: a metric that compares same weekdays says nothing about it, so
#: it stays what the personas' schedules in the table make it.
ATTENDANCE = ("holiday",)


@dataclass(frozen=True)
class RulesParameters:
    """Engine-wide numbers without a closed form; calibration searches them inside the bounds given here.

    All are assumptions until a calibration has fitted them, and the run record says which were.
    """

    fatigue: float = field(default=0.5, metadata={"low": 0.0, "high": 0.9, "unit": "share", "text": "Share of a policy's effect that wears off in the end"})
    fatigue_days: float = field(default=120.0, metadata={"low": 30.0, "high": 365.0, "unit": "days", "text": "Days under restrictions after which half of that has worn off"})
    epidemic: float = field(default=1.0, metadata={"low": 0.0, "high": 3.0, "unit": "multiple", "text": "Voluntary caution, as a multiple of the table's"})
    holiday: float = field(default=0.0, metadata={"low": -1.5, "high": 1.5, "unit": "log-odds", "text": "Going to work on public holidays, beyond the table"})


def parameter_bounds() -> dict[str, tuple[float, float]]:
    """The bounds of each searched parameter: name -> (low, high)."""
    return {item.name: (item.metadata["low"], item.metadata["high"]) for item in fields(RulesParameters)}


@dataclass(frozen=True)
class RulesEngine:
    """The offline engine of a study. `respond` gives the same answer for the same input on every machine and run."""

    table: CoefficientTable
    behaviours: tuple[str, ...]
    indicators: tuple[str, ...]
    codebook: Codebook
    setting: RulesParameters = RulesParameters()
    name: str = "rules"
    version: str = "1"
    model_id: str | None = None

    @classmethod
    def for_study(cls, study: Study, table: CoefficientTable) -> RulesEngine:
        known = {*table.behaviours(), *table.remainders()}
        for behaviour in study.behaviour_ids:
            one_of(behaviour, known, what="behaviour", where=table.name)
        return cls(table, study.behaviour_ids, study.indicator_codes, Codebook(study.indicators, {}, study.id))

    @property
    def parameters(self) -> Mapping[str, float]:
        return {item.name: float(getattr(self.setting, item.name)) for item in fields(RulesParameters)}

    def with_parameters(self, parameters: Mapping[str, float]) -> RulesEngine:
        bounds = parameter_bounds()
        for name, value in parameters.items():
            one_of(name, bounds, what="engine parameter", where="rules")
            low, high = bounds[name]
            if not low <= value <= high:
                raise InputError(
                    f"{name} = {value}",
                    where="rules",
                    allowed=f"{low} to {high}",
                    nearest=str(min(max(value, low), high)),
                )
        return replace(self, setting=replace(self.setting, **parameters))

    def respond(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
        return self.respond_to(self.loadings(self.features(personas)), contexts)

    def features(self, personas: pd.DataFrame) -> np.ndarray:
        """What the table asks about each person, shape (personas, features): 0/1 for a category, -0.5..0.5 for a trait."""
        columns = []
        for feature in self.table.features():
            attribute, _, category = feature.partition("=")
            if attribute not in personas.columns:
                # A population without this attribute (no nationality, say) has nobody to whom the row applies.
                columns.append(np.zeros(len(personas)))
            elif category:
                columns.append((personas[attribute] == category).to_numpy(dtype=float))
            else:
                columns.append(personas[attribute].to_numpy(dtype=float) - 0.5)
        return np.column_stack(columns) if columns else np.zeros((len(personas), 0))

    def loadings(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Per behaviour of the table, how strongly each term moves each person: float32, (personas, terms)."""
        return {behaviour: self._loading(behaviour, features) for behaviour in self.table.behaviours()}

    def respond_to(self, loadings: Mapping[str, np.ndarray], contexts: pd.DataFrame) -> np.ndarray:
        """As `respond`, from loadings already computed (they do not depend on the searched parameters)."""
        terms = self._context_terms(contexts)
        people = next(iter(loadings.values())).shape[0]
        answers = np.empty((people, len(contexts), len(self.behaviours)), dtype=np.float32)
        away = np.zeros((people, len(contexts)), dtype=np.float32)
        hours = {name: float(self.table.term(name, "hours")["value"].sum()) for name in loadings}
        for behaviour, loading in loadings.items():
            probability = _logistic(loading @ terms.T)
            away += np.float32(hours[behaviour] / HOURS_PER_DAY) * probability
            if behaviour in self.behaviours:
                answers[:, :, self.behaviours.index(behaviour)] = probability
        for behaviour in self.table.remainders():
            if behaviour in self.behaviours:
                answers[:, :, self.behaviours.index(behaviour)] = np.clip(1.0 - away, 0.0, 1.0)
        return answers

    def _loading(self, behaviour: str, features: np.ndarray) -> np.ndarray:
        table, names = self.table, self.table.features()
        column = {name: position for position, name in enumerate(names)}
        people = features.shape[0]
        base = float(table.term(behaviour, "base")["value"].iloc[0])
        constant = np.full(people, np.log(base / (1 - base)))
        for row in pd.concat([table.term(behaviour, "persona"), table.term(behaviour, "trait")]).itertuples():
            constant += row.value * features[:, column[row.key]]
        blocks = [constant]
        days = table.term(behaviour, "day")
        for day in (*DAY_TYPES, RAMADAN):
            shift = np.zeros(people)
            for row in days[days["key"] == day].itertuples():
                shift += row.value * (features[:, column[row.modifier]] if row.modifier else 1.0)
            blocks.append(shift)
        policy, epidemic = table.term(behaviour, "policy"), table.term(behaviour, "epidemic")
        blocks += [self._effect(policy, code, features, column) for code in self.indicators]
        blocks += [self._effect(epidemic, str(level), features, column) for level in EPIDEMIC_LEVELS]
        shifts = table.term(behaviour, "attendance")
        blocks += [np.full(people, float(shifts.loc[shifts["key"] == name, "value"].sum())) for name in ATTENDANCE]
        return np.column_stack(blocks).astype(np.float32)

    @staticmethod
    def _effect(rows: pd.DataFrame, key: str, features: np.ndarray, column: Mapping[str, int]) -> np.ndarray:
        """Size of an effect for each person, never negative: effect × max(0, 1 + modifiers)."""
        effect, scale = 0.0, np.ones(features.shape[0])
        for row in rows[rows["key"].isin([key, "*"])].itertuples():
            if row.modifier:
                scale += row.value * features[:, column[row.modifier]]
            else:
                effect += row.value
        return effect * np.maximum(scale, 0.0)

    def _context_terms(self, contexts: pd.DataFrame) -> np.ndarray:
        """Context features in the order of a loading's columns: float32, (contexts, terms)."""
        intensity = sub_indices(contexts, self.codebook).to_numpy(dtype=float) / 100.0
        if np.isnan(intensity).any():
            raise InputError("a context has no level for some indicator", where="rules engine", allowed="every level known")
        days = contexts[RESTRICTED_DAYS].to_numpy(dtype=float)
        lasting = 1.0 - self.setting.fatigue * (1.0 - np.exp2(-days / self.setting.fatigue_days))
        kinds = contexts[DAY_TYPE].to_numpy()
        epidemic = contexts[EPIDEMIC].to_numpy()
        terms = [np.ones(len(contexts))]
        terms += [(kinds == day).astype(float) for day in DAY_TYPES]
        terms.append(contexts[RAMADAN].to_numpy(dtype=float))
        terms += [-column * lasting for column in intensity.T]
        terms += [-(epidemic == level).astype(float) * self.setting.epidemic for level in EPIDEMIC_LEVELS]
        terms.append((kinds == "holiday") * self.setting.holiday)
        return np.column_stack(terms).astype(np.float32)


def _logistic(log_odds: np.ndarray) -> np.ndarray:
    return np.reciprocal(1.0 + np.exp(-np.clip(log_odds, -30.0, 30.0)))
