"""What Optuna tried, kept in a form the store, the page and optuna-dashboard can all use."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd


def quiet_optuna() -> ModuleType:
    """Optuna, imported when first needed, without its line of log per trial."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Multivariate sampling and metric names are marked experimental; both are set here on purpose.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def macro_study(seed: int) -> Any:
    """An Optuna study of the one number that decides, the macro score: told the behaviours' own scores as well, TPE would
    spread its trials over a front that nobody reads."""
    optuna = quiet_optuna()
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
    return optuna.create_study(direction="minimize", sampler=sampler)


@dataclass
class TrialLog:
    """Trials in order: parameters, the score of each behaviour (`objectives`), and their mean (`macro`), which is searched."""

    calibrator: str
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, parameters: Mapping[str, float], objectives: Sequence[float], macro: float) -> None:
        self.rows.append(
            {
                "calibrator": self.calibrator,
                "number": len(self.rows),
                "state": "complete",
                "parameters": dict(parameters),
                "objectives": [float(value) for value in objectives],
                "macro": float(macro),
            }
        )

    def frame(self) -> pd.DataFrame:
        """One row per trial, with the store's columns."""
        return pd.DataFrame(self.rows, columns=["calibrator", "number", "state", "parameters", "objectives", "macro"])


def export_journal(
    trials: pd.DataFrame, bounds: Mapping[str, tuple[float, float]], names: Sequence[str], study_name: str, path: Path
) -> None:
    """Write stored trials as an Optuna journal file, which optuna-dashboard opens: with every behaviour's score, so that one
    can see there what each gained at the others' cost, though the search minimised macro alone.

    `trials` has parameters, objectives and macro per row; `names` names the objectives, macro last. An existing file is
    replaced.
    """
    optuna = quiet_optuna()
    path.unlink(missing_ok=True)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    values = [[*objectives, macro] for objectives, macro in zip(trials["objectives"], trials["macro"], strict=True)]
    # Optuna has no word for a missing objective, so one that was never scored is left out.
    scored = [place for place in range(len(names)) if not any(math.isnan(row[place]) for row in values)]
    study = optuna.create_study(study_name=study_name, storage=storage, directions=["minimize"] * len(scored))
    study.set_metric_names([names[place] for place in scored])
    distributions = {name: optuna.distributions.FloatDistribution(low, high) for name, (low, high) in bounds.items()}
    for parameters, row in zip(trials["parameters"], values, strict=True):
        study.add_trial(
            optuna.trial.create_trial(
                params={name: parameters[name] for name in distributions},
                distributions=distributions,
                values=[row[place] for place in scored],
            )
        )


def study_of_trials(
    parameters: pd.DataFrame, macro: pd.Series, bounds: Mapping[str, tuple[float, float]], labels: Mapping[str, str]
) -> Any:
    """An Optuna study in memory of stored trials, (trials × parameters) and their scores, for Optuna's own analyses; parameters
    go by their `labels`. Trials without a score are left out."""
    optuna = quiet_optuna()
    study = optuna.create_study(direction="minimize")
    names = [str(name) for name in parameters]
    kinds = {labels.get(name, name): optuna.distributions.FloatDistribution(*bounds[name]) for name in names}
    named = parameters.rename(columns=dict(labels)).to_dict("records")
    for values, score in zip(named, macro.to_numpy(float), strict=True):
        if math.isfinite(score):
            # A value at the end of its range may have been stored a digit beyond it.
            inside = {
                str(name): min(max(value, kinds[str(name)].low), kinds[str(name)].high)
                for name, value in values.items()
            }
            study.add_trial(optuna.trial.create_trial(params=inside, distributions=kinds, value=score))
    return study
