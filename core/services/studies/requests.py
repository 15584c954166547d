"""What a run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.cognition.llm.types import MOST_OPTIONS, PROMPTS
from core.cognition.registry import DEFAULT_ENGINE, ENGINES, asks_model, model_engines, replays
from core.errors import InputError, one_of
from core.options import option
from core.study.definition import AT

#: How an answer is read: from what the model writes, or from how probable it makes each letter.
PERCENTS, LOGPROBS = "percents", "logprobs"
DEFAULT_TRIALS = 64
MOST_TRIALS = 5000
#: Persona-level answers are kept up to this many personas, unless asked otherwise.
KEEP_RESPONSES_UP_TO = 2000
#: Personas of a run that asks a language model where none are named, as in the published work, and the most that make
#: sense: each costs as many calls as there are situations, about 90 in a study of two years.
ASKED_PERSONAS, MOST_ASKED_PERSONAS = 10, 500


@dataclass(frozen=True)
class ModelOptions:
    """How a language model is asked: which one, in which words, and what it may take. Raises InputError for an engine
    that is none.

    What decides the answers: `engine`, `model`, `base_url`, `temperature`, `seed`, `max_output_tokens`, `design`, `days`,
    `samples`, `prompts`, and `read` with its `rotations`; for the engine `replay` also `of`, the engine
    whose answers are replayed. The others say how fast
    (`concurrency`, limits per minute, `timeout` in seconds), how much at most in one go (`max_calls`, `max_tokens`,
    `max_cost` in the price's currency), and whether a run may go on without the questions that have no valid answer.
    A key to the provider is in the environment and nowhere else.
    """

    engine: str
    model: str = option("the model, as its provider calls it; needed", word="M")
    base_url: str | None = option(
        "address of an OpenAI-compatible server (with /v1), or of one on this machine", None, word="URL"
    )
    temperature: float = option("0 to 2 (default 1)", 1.0, word="T")
    seed: int | None = option("seed of sampling, where the provider has one", None, name="model_seed")
    design: str = option("blinded (default), unblinded, levels or aggregate", "blinded", word="D")
    days: str = option("kinds of day in one prompt (together, default) or one in each (apart)", "together", word="D")
    samples: int = option("answers to each question, averaged (default 1)", 1)
    prompts: str = option("version of the prompts", PROMPTS, word="V")
    max_output_tokens: int = option("tokens of an answer at most (default 2048)", 2048)
    timeout: float = option("seconds to wait for a reply (default 60)", 60.0, word="S")
    concurrency: int = option("calls at a time (default 32)", 32)
    requests_per_minute: float | None = option("the provider's limit", None)
    tokens_per_minute: float | None = option("the provider's limit, both directions", None)
    max_calls: int | None = option("stop before more calls than this", None)
    max_tokens: int | None = option("stop before more tokens than this, both directions", None)
    max_cost: float | None = option("stop before it costs more, in the price's currency", None, word="C")
    allow_failures: bool = option("go on without the questions that have no valid answer", False)
    read: str = option(
        "percents (default), or logprobs: how probable the model makes each answer, shown as a letter",
        PERCENTS,
        word="HOW",
    )
    rotations: int = option("orders in which --read logprobs asks the answers, averaged (default 2)", 2)
    of: str | None = option("whose answers are replayed: gemini (default), openai or local", None, word="ENGINE")

    def __post_init__(self) -> None:
        one_of(self.engine, model_engines(), what="engine", where="asking")
        if self.of is not None and not self.replays:
            raise InputError(
                f"answers of {self.of} are to be replayed", where=f"engine {self.engine}", allowed="the engine replay"
            )

        one_of(self.read, (PERCENTS, LOGPROBS), what="way to read answers", where="asking")
        if self.reads_letters:
            self._check_letters()

    def _check_letters(self) -> None:
        asked = (self.of or "gemini") if self.replays else self.engine
        if not ENGINES[asked].reads_letters:
            able = [name for name in ENGINES if ENGINES[name].reads_letters]
            raise InputError("gives no log-probabilities", where=f"engine {asked}", allowed=", ".join(able))
        if self.samples != 1:
            raise InputError(
                f"{self.samples} samples of a whole distribution", where="--read logprobs", allowed="1", nearest="1"
            )
        if not 1 <= self.rotations <= MOST_OPTIONS:
            raise InputError(f"{self.rotations} rotations", where="--read logprobs", allowed=f"1 to {MOST_OPTIONS}")

    @property
    def reads_letters(self) -> bool:
        """Whether answers are read from log-probabilities of letters."""
        return self.read == LOGPROBS

    @property
    def replays(self) -> bool:
        """Whether nobody is asked: answers are those that another engine gave before."""
        return replays(self.engine)


@dataclass(frozen=True)
class RunRequest:
    """Everything that decides a run. `data` is the folder of observations; None dates are the study's own.

    `population_id` takes a kept population instead of a fresh one of `personas` people. A language model is asked as `asking`
    says, which then names the engine; without it `engine` is asked nothing.
    """

    study: str = option("a shipped study (meridia, uae) or a study file", positional=True)
    data: str | Path | None = option("folder of observations", None, word="DIR")
    engine: str = option("rules (default), or a language model's: gemini, openai, local or replay", DEFAULT_ENGINE)
    personas: int | None = option("1 to 100,000 (default: the study's); of a language model 1 to 500 (10)", None)
    population_id: str | None = option("a kept population by its id, instead of fresh people", None, name="population")
    train_end: date | None = option("last day of training (default: the study's)", None)
    test_end: date | None = option("last day of the hold-out (default: the study's)", None)
    trials: int = option(f"Optuna trials (default {DEFAULT_TRIALS})", DEFAULT_TRIALS)
    seed: int = option("of people, search and draws (default 0)", 0)
    keep_responses: bool | None = None
    asking: ModelOptions | None = None
    place: str | None = option(
        "one place of a study's panel, as STUDY@PLACE says too; compare: all for their total", None, word="ID"
    )

    def __post_init__(self) -> None:
        if self.place is not None:
            object.__setattr__(self, "study", f"{self.study}{AT}{self.place}")
            object.__setattr__(self, "place", None)
        self._check_engine()
        if not 1 <= self.trials <= MOST_TRIALS:
            raise InputError(
                f"{self.trials} trials",
                where="run",
                allowed=f"1 to {MOST_TRIALS}",
                nearest=str(min(max(self.trials, 1), MOST_TRIALS)),
            )
        if self.seed < 0:
            raise InputError(f"seed {self.seed}", where="run", allowed="0 and above", nearest="0")

    def _check_engine(self) -> None:
        if self.asking is None:
            if asks_model(self.engine):
                raise InputError(
                    "no model is named",
                    where=f"engine {self.engine}",
                    allowed="the name of a model, as its provider calls it",
                )
            return
        if self.engine not in (DEFAULT_ENGINE, self.asking.engine):
            raise InputError(
                f"engine {self.engine} with a way to ask {self.asking.engine}", where="run", allowed="one engine"
            )
        object.__setattr__(self, "engine", self.asking.engine)
        if self.personas is not None:
            checked_personas(self.personas, self.engine)


def checked_personas(personas: int, engine: str) -> None:
    """InputError for more personas than a language model is asked about."""
    if personas > MOST_ASKED_PERSONAS:
        raise InputError(
            f"{personas:,} personas, each of whom costs a call for every situation",
            where=f"engine {engine}",
            allowed=f"1 to {MOST_ASKED_PERSONAS} (default {ASKED_PERSONAS})",
            nearest=str(MOST_ASKED_PERSONAS),
        )
