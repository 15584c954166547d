"""What may be asked of the audits: of a finished run, and of many countries' regions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.cognition.llm.designs import DESIGNS
from core.counterfactual.levels import checked_targets
from core.errors import InputError, one_of
from core.options import option
from core.services.studies.origins import checked, checked_horizons
from core.services.studies.requests import ModelOptions, RunRequest

LEVELS = (0.0, 25.0, 50.0, 75.0, 100.0)
HORIZONS = (90, 180)


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


@dataclass(frozen=True)
class GroupsRequest:
    """The subgroup and diversity checks of a run, made where it is not there. `origins` and `horizons` are those of the
    regions: without origins the run's training end where enough was observed after it, else the latest end of a month after
    which it was. Raises InputError for a horizon that makes no sense."""

    run: RunRequest
    origins: tuple[date, ...] = option("of the regions (default: what was observed allows)", ())
    horizons: tuple[int, ...] = option("days ahead (default 90,180)", HORIZONS)

    def __post_init__(self) -> None:
        checked_horizons(self.horizons, "groups")


@dataclass(frozen=True)
class RegionsRequest:
    """Accuracy by region over every country with regions in a table. Google's own files hold countries too; then `national`
    need not be given. Raises InputError for origins and horizons that make no sense."""

    mobility: Path = option("a table of regions")
    policy: Path = option("a table of policies")
    origins: tuple[date, ...] = option("last days of training")
    national: Path | None = option("a table of countries, for what a national twin says of regions", None)
    horizons: tuple[int, ...] = option("days ahead (default 90,180)", HORIZONS)
    countries: tuple[str, ...] | None = option("ISO-3 codes (default: all with regions)", None)
    seed: int = option("of the people (default 0)", 0)

    def __post_init__(self) -> None:
        origins, horizons = checked(self.origins, self.horizons, "regions")
        object.__setattr__(self, "origins", tuple(origins))
        object.__setattr__(self, "horizons", tuple(horizons))
