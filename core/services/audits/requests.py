"""What may be asked of the audits of a finished run."""

from __future__ import annotations

from dataclasses import dataclass

from core.cognition.llm.designs import DESIGNS
from core.counterfactual.levels import checked_targets
from core.errors import InputError, one_of
from core.options import option
from core.services.studies.requests import ModelOptions

LEVELS = (0.0, 25.0, 50.0, 75.0, 100.0)


def _at_least(least: int, **given: int) -> None:
    for what, number in given.items():
        if number < least:
            raise InputError(
                f"{number} {what}", where="persona audit", allowed=f"{least} and above", nearest=str(least)
            )


@dataclass(frozen=True)
class PersonaAuditRequest:
    """Some of a run's personas in some of its situations, asked again: `repeats` times as in the run, and once in each other
    wording. `asking` asks another language model than the run's own. Raises InputError for too few of anything."""

    run: str = option("a finished run, or a study for its newest run", positional=True, word="STUDY|RUN")
    personas: int = option("at most (default 20)", 20)
    situations: int = option("from mild to strict (default 3)", 3)
    repeats: int = option("times each question is asked (default 3)", 3)
    asking: ModelOptions | None = None

    def __post_init__(self) -> None:
        _at_least(2, personas=self.personas, samples=self.repeats)
        _at_least(1, situations=self.situations)


@dataclass(frozen=True)
class ConfoundingRequest:
    """Questions about what a policy cannot move, at some stringencies (three or more that differ on the ladder) and in some
    designs; with `stated_only` never without saying how many cases there are. `asking` as in `PersonaAuditRequest`. Raises
    InputError for levels and designs that cannot be."""

    run: str = option("a finished run, or a study for its newest run", positional=True, word="STUDY|RUN")
    designs: tuple[str, ...] = option(f"{', '.join(DESIGNS)} (default: all)", DESIGNS, word="NAME,…")
    levels: tuple[float, ...] = option("stringencies (default 0,25,50,75,100)", LEVELS, word="N,…")
    stated_only: bool = option("always say how many cases there are: half the calls", False)
    personas: int = option("at most (default 10)", 10)
    asking: ModelOptions | None = None

    def __post_init__(self) -> None:
        if not self.designs:
            raise InputError("no design is given", where="audit", allowed=", ".join(DESIGNS))
        chosen = dict.fromkeys(one_of(item, DESIGNS, what="design", where="audit") for item in self.designs)
        object.__setattr__(self, "designs", tuple(chosen))
        checked_targets(self.levels)
        _at_least(2, personas=self.personas)
