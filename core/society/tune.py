"""A search for parameters with which the tuning facts hold, and no other fact is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.calibration.trials import macro_study
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.society.facts import TUNE_SEED, FactFigure, measure_facts
from core.society.parameters import registered
from core.society.scenario import Scenario, Set, edited

#: What is searched, each within the range of its row: what people weigh at a choice, how unequal accounts are, and time.
SEARCHED = (
    "beta_price", "beta_visits", "nest", "other_share", "post_sd", "sleep_need_mean", "minutes_home_meal", "minutes_out_meal",
)  # fmt: skip
#: Trials asked before any of them is told, so that the number of workers changes nothing.
BATCH = 8


@dataclass(frozen=True)
class Trial:
    """Parameters, the tuning facts with them, and the mean of their squared distances from the middles of their ranges, where
    1 is a range's end."""

    parameters: dict[str, float]
    facts: tuple[FactFigure, ...]
    loss: float


def search_parameters(
    scenario: Scenario,
    *,
    trials: int = 100,
    seeds: int = 2,
    households: int | None = None,
    executor: Executor = IN_THIS_PROCESS,
    done: Callable[[int], None] | None = None,
) -> tuple[Trial, Trial]:
    """The scenario as it stands, and the best of so many trials of Optuna's TPE, in the same worlds. The parameters of the
    scenario are the first trial, so that the best is never worse."""
    study = macro_study(seed=0)
    now = scenario.numbers()
    study.enqueue_trial({name: getattr(now, name) for name in SEARCHED})
    tried: list[Trial] = []
    while len(tried) < trials:
        asked = [study.ask() for _ in range(min(BATCH, trials - len(tried)))]
        proposed = [
            {name: one.suggest_float(name, registered()[name].low, registered()[name].high) for name in SEARCHED}
            for one in asked
        ]
        tasks = [(scenario, changed, seeds, households) for changed in proposed]
        for one, trial in zip(asked, executor.map(tried_parameters, tasks), strict=True):
            study.tell(one, trial.loss)
            tried.append(trial)
            if done:
                done(len(tried))
    return tried[0], min(tried, key=lambda trial: trial.loss)


def tried_parameters(scenario: Scenario, changed: dict[str, float], seeds: int, households: int | None) -> Trial:
    """One trial, its values rounded to four digits as they are written down."""
    changed = {name: float(f"{value:.4g}") for name, value in changed.items()}
    tuned = edited(scenario, [Set(set="parameters", value=scenario.parameters | changed)])
    facts = measure_facts(tuned, seeds=seeds, first_seed=TUNE_SEED, households=households, use="tuned")
    loss = sum(_distance(item) ** 2 for item in facts) / len(facts)
    return Trial(changed, facts, loss)


def _distance(item: FactFigure) -> float:
    """From the middle of the range, where 1 is its end; far away where there is no figure."""
    if item.value is None:
        return 10.0
    return (2 * item.value - item.range_low - item.range_high) / (item.range_high - item.range_low)
