"""What may be asked of the society lab. Nothing heavy is imported: the command line shows these as options."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InputError
from core.options import option
from core.services.studies.requests import DEFAULT_ENGINE, ModelOptions

#: Worlds of one run, and of one whose signs are judged: fewer say nothing about chance.
SEEDS, SIGN_SEEDS = 20, 10


@dataclass(frozen=True)
class SocietyRequest:
    """A scenario as it stands and with its arms, in worlds of equal chance. No `arms`: all of them; `base` is there in any
    case."""

    scenario: str = option("an id that ships, or a JSON file", positional=True, word="SCENARIO")
    arms: tuple[str, ...] | None = option("arms of the scenario (default: all)", None, word="A,B,…")
    seeds: int = option("worlds of chance, the same for each arm", SEEDS)
    households: int | None = option("households (default: the scenario's)", None)
    days: int | None = option("days after the warm-up (default: the scenario's)", None)
    engine: str = option("rules (default), or a language model's: gemini, openai, local or replay", DEFAULT_ENGINE)
    asking: ModelOptions | None = None


@dataclass(frozen=True)
class CompareRequest:
    """Every other arm of a run against one of them."""

    run: SocietyRequest
    against: str = option("the arm that the others are held against", word="ARM")


@dataclass(frozen=True)
class AblateRequest:
    """A scenario without one of its parts at a time; with `signs` its levers and shocks of known direction instead, in at
    least ten worlds."""

    scenario: str = option("an id that ships, or a JSON file", positional=True, word="SCENARIO")
    signs: bool = option("whether levers and shocks act in the directions registered beforehand, instead", False)
    seeds: int = option("worlds of chance, the same for each arm", SEEDS)
    households: int | None = option("households (default: the scenario's)", None)
    days: int | None = option("days after the warm-up (default: the scenario's)", None)

    def __post_init__(self) -> None:
        if self.signs and self.seeds < SIGN_SEEDS:
            raise InputError(
                f"{self.seeds} seeds", where="--signs", allowed=f"{SIGN_SEEDS} or more", nearest=str(SIGN_SEEDS)
            )
