"""What may be asked of a sweep and of a comparison, from nothing: the run that they are about is made where it is not there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.errors import InputError
from core.options import option
from core.services.studies.requests import RunRequest


@dataclass(frozen=True)
class SweepRequest:
    """Stringency held at each of `levels` (None: in even steps) from `start` to `end` (None: all of the hold-out) of a run. A
    language model is asked what its run did not ask only with `ask`. Raises InputError for levels outside 0 to 100."""

    run: RunRequest
    levels: tuple[float, ...] | None = option(
        "0 to 100; of one lever its levels or amounts (default: even steps)", None, word="L,L,…"
    )
    start: date | None = option("first day (default: of the hold-out)", None)
    end: date | None = option("last day (default: of the hold-out)", None)
    ask: bool = option("ask a language model what its run has not asked yet", False)
    lever: str | None = option(
        "one lever instead of the index; all others stay as at the end of training", None, word="CODE"
    )

    def __post_init__(self) -> None:
        from core.counterfactual.levels import checked_targets  # not for `--help`

        if self.lever is None and self.levels is not None:
            checked_targets(self.levels)


@dataclass(frozen=True)
class CompareRequest:
    """The policies of scenario files against the one that was in force, or that of the file `reference`; otherwise as
    `SweepRequest`. Raises InputError where there is no scenario."""

    run: RunRequest
    scenario: tuple[Path, ...] = option("TOML or JSON; repeat", repeat=True)
    reference: Path | None = option("scenario to compare with (default: the policy that was in force)", None)
    start: date | None = option("first day (default: of the hold-out)", None)
    end: date | None = option("last day (default: of the hold-out)", None)
    ask: bool = option("ask a language model what its run has not asked yet", False)

    def __post_init__(self) -> None:
        if not self.scenario:
            raise InputError("no scenario given", where="compare", allowed="one or more scenarios")
