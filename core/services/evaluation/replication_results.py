"""What replicating real people's answers, choices and experiments found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import in_range, one_of
from core.options import option
from core.result import Result
from core.validity.effects import EffectScores
from core.validity.item_structure import ItemStructure
from core.validity.next_action import ActionScores
from core.validity.people_parity import PeopleParity
from core.validity.retest import Interval

#: Engines that may be asked, in the order of tables; `mode` is always beside.
ENGINES: Mapping[str, str] = {
    "memory": "memory: ridge and neighbours, an ordered answer",
    "ridge": "ridge on other instruments",
    "neighbours": "25 neighbours on other instruments",
    "memory_fifth": "memory that knows a fifth of the other answers",
    "shuffled": "memory with another person's history",
    "demographics": "ridge on demographics",
    "cell": "commonest answer of the demographic cell",
    "median": "the panel's median",
    "mode": "the panel's mode, nobody known",
    "random": "somebody of the panel at random",
}


@dataclass(frozen=True)
class AnswersRequest:
    """A panel of people's answers, and of whom the answers are to be predicted."""

    answers: str | Path = option(
        "a folder of answers_first, answers_again, items and people (CSV or Parquet)", word="DIR"
    )
    predict: str | Path | None = option("such a folder of people who are not in the first", None, word="DIR2")
    engine: str = option(f"who answers for them: {', '.join(ENGINES)}", "memory", word="NAME")
    seed: int = option("seed of all draws", 0)

    def __post_init__(self) -> None:
        one_of(self.engine, ENGINES, what="engine", where="--engine")


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Agreement over items: the same answer, 1 − |difference| / (choices − 1), and the correlation over people; None where an
    engine tells nobody apart."""

    exact: float
    partial: float
    correlation: float | None


@dataclass(frozen=True, kw_only=True)
class EngineAgreement(Measures):
    """An engine's agreement with people's first answers, and as a share of people's own retest (`normalised`, of which `low` and
    `high` are the ends for exact agreement). `band` is where it lies between mode (0) and retest (1); `lead` is its normalised
    exact agreement less the mode's; `variance_ratio` is the median over items."""

    normalised: Measures
    low: float
    high: float
    variance_ratio: float
    band: float
    lead: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class RetestAgreement(Measures):
    """How people agree with themselves, asked again."""

    people: int
    items: int


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Answers drawn from memory's probabilities: the median over items of their variance to people's, and how they hang together
    over items (`structure`); the mean −ln of the probability of what people said, beside that of the panel's shares, and the
    expected calibration error."""

    variance_ratio: float
    log_score: float
    log_score_of_shares: float
    calibration_error: float
    structure: ItemStructure


@dataclass(frozen=True, kw_only=True)
class AnswersReplication(Result, kind="replicate", what="answers"):
    """Who agrees how well with `people`, whom no engine had seen; `panel` people were learned from. `parity` is by attribute of
    the engine that was asked, `mode_parity` of the mode. `left_out` counts people and
    items by reason; of an instrument's items `near_copies` in other instruments, pairs over all, were not known either."""

    what: str = "answers"
    run_id: str = ""
    engine: str
    people: int
    panel: int
    items: int
    instruments: int
    near_copies: int = 0
    engines: Mapping[str, EngineAgreement]
    retest: RetestAgreement
    parity: Mapping[str, PeopleParity]
    mode_parity: Mapping[str, PeopleParity]
    spread: Spread
    level: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    result_hash: str = ""

    @property
    def pattern(self) -> bool:
        """Whether people were reproduced better than by who knows nobody."""
        lead = self.engines[self.engine].lead
        return lead is not None and lead.low > 0


@dataclass(frozen=True)
class EffectsRequest:
    """Effects that experiments had on people, and predictions of them."""

    effects: str | Path = option(
        "effects of treatments: columns dataset, condition, effect, effect_se and a prediction of each", word="FILE"
    )
    predictor: str = option("the column of predictions", "gpt4", word="COLUMN")
    seed: int = option("seed of all draws", 0)


@dataclass(frozen=True, kw_only=True)
class PooledEffects:
    """r over all studies by Fisher's z, with its ends. Sizes are never pooled."""

    r: float
    low: float
    high: float
    effects: int
    studies: int
    line_beats_mean: int


@dataclass(frozen=True, kw_only=True)
class EffectsReplication(Result, kind="replicate", what="effects"):
    """How well a `predictor` foresaw effects, by study (the name before a dash: parts of a study are its blocks). `left_out` says
    how many rows, by reason."""

    what: str = "effects"
    run_id: str = ""
    file: str
    predictor: str
    studies: Mapping[str, EffectScores]
    pooled: PooledEffects
    level: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    result_hash: str = ""

    @property
    def pattern(self) -> bool:
        """Whether effects were foreseen."""
        return self.pooled.low > 0


#: Who may foresee choices, in the order of tables.
CHOOSERS: Mapping[str, str] = {
    "person": "the question and the person's own choices before",
    "question": "the question alone",
    "markov": "the choice before",
    "majority": "the commoner choice",
}


@dataclass(frozen=True)
class ChoicesRequest:
    """A log of choices, and of whom the next ones are to be foreseen."""

    log: str | Path = option(
        "choices between less sooner and more later: worker, task, order, smaller, sooner_days, larger, later_days, waits "
        "and wave where people came again", word="FILE",
    )  # fmt: skip
    predict: str | Path | None = option("such a log of people who are not in the first", None, word="FILE2")
    engine: str = option(f"who foresees: {', '.join(CHOOSERS)}", "person", word="NAME")
    seed: int = option("seed of all draws", 0)

    def __post_init__(self) -> None:
        one_of(self.engine, CHOOSERS, what="engine", where="--engine")


@dataclass(frozen=True, kw_only=True)
class TaskChoices:
    """A task's choices of `people`, by engine in their first session (nothing of them was seen before it), and of those who came
    again in `later` sessions (earlier ones were seen). `retest` is how often people choose alike when the same question comes
    again, None where none does; `lead` is the engine that was asked less the question alone."""

    people: int
    panel: int
    choices: int
    engines: Mapping[str, ActionScores]
    later: Mapping[str, ActionScores]
    later_people: int
    retest: float | None
    lead: Interval


@dataclass(frozen=True, kw_only=True)
class ChoicesReplication(Result, kind="replicate", what="choices"):
    """How often the next choice was foreseen, by task, of people who were not learned from."""

    what: str = "choices"
    run_id: str = ""
    file: str
    engine: str
    tasks: Mapping[str, TaskChoices]
    level: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    result_hash: str = ""

    @property
    def pattern(self) -> bool:
        """Whether persons' own pasts told more than the questions alone."""
        return all(task.lead.low > 0 for task in self.tasks.values())


@dataclass(frozen=True)
class TwinsRequest:
    """Twins of Twin-2K-500, and what is known of the people."""

    twins: str | Path = option("the folder of people's and twins' answers", word="DIR")
    retest: str | Path = option("how often people repeat an answer: columns column, people, retest_exact", word="FILE")
    people: str | Path = option("what is known of the people, by id", word="FILE")
    scores: str | Path = option("scores of scales that they answered, by id", word="FILE")
    folds: int = option("parts of people, each predicted by the others", 5)
    seed: int = option("seed of all draws", 0)

    def __post_init__(self) -> None:
        in_range(self.folds, 2, 20, f"{self.folds} parts", where="--folds")


@dataclass(frozen=True, kw_only=True)
class TwinAgreement:
    """The share of people's answers that is met, and as a share of how often people repeat them, with its ends."""

    exact: float
    normalised: float
    low: float
    high: float
    variance_ratio: float
    people: int


@dataclass(frozen=True, kw_only=True)
class TwinsReplication(Result, kind="replicate", what="twins"):
    """Twins by construction (language models that were told of a person) beside what asks no model; `stack` knows the answers of
    the best twin to all questions too. `parity` is by attribute and engine, in shares of answers met, for the retest of groups is
    not known."""

    what: str = "twins"
    run_id: str = ""
    people: int
    items: int
    folds: int
    retest: float
    best_twin: str
    engines: Mapping[str, TwinAgreement]
    stack_over_best: Interval
    memory_over_best: Interval
    parity: Mapping[str, Mapping[str, PeopleParity]]
    level: int
    seconds: float = 0.0
    result_hash: str = ""

    @property
    def pattern(self) -> bool:
        """Whether the stack met people's answers better than the best twin."""
        return self.stack_over_best.low > 0
