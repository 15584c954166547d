"""What a store's answers can be replayed as: earlier ways of asking a model about days of a study."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from core.cognition.llm.designs import DESIGNS
from core.cognition.llm.prompts import available_prompts, base_version
from core.records import content_hash
from core.services.language.descriptions import DESIGN_CHOICES
from core.store.database import Store
from core.survey.prompts import available_survey_prompts


@dataclass(frozen=True)
class Recording:
    """One way in which a model was asked, as far as it decides the questions' keys; `samples` is the most of any question."""

    engine: str
    model: str
    base_url: str | None
    temperature: float
    max_output_tokens: int
    seed: int | None
    prompts: str
    design: str
    samples: int
    answers: int
    last_asked: datetime

    @property
    def letters(self) -> bool:
        """Whether answers are log-probabilities of letters."""
        return self.prompts != base_version(self.prompts)

    @property
    def label(self) -> str:
        """For a list to choose from."""
        design = DESIGN_CHOICES[self.design].title.lower() if self.design in DESIGN_CHOICES else self.design
        asked = f"{self.answers:,} answers, the last of {self.last_asked:%-d %b %Y}"
        design += ", log-probabilities of letters" if self.letters else ""
        return f"{self.model}, {design}, temperature {self.temperature:g} ({asked})"

    @property
    def key(self) -> str:
        """What tells it from the others, short enough for a link and the same in every session."""
        decided = [
            self.engine,
            self.model,
            self.base_url,
            self.temperature,
            self.max_output_tokens,
            self.seed,
            self.prompts,
        ]
        return f"{self.design}-{content_hash([*decided, self.design])[:8]}"


def recordings(store: Store, *, survey: bool = False) -> tuple[Recording, ...]:
    """The ways of asking about days of a study, or of asking `survey` questions, that have answers in the store, the latest
    first."""
    rows = store.llm_recordings()
    versions = rows["prompt_version"].map(base_version)
    if survey:
        usable = rows[versions.isin(available_survey_prompts())]
    else:
        usable = rows[versions.isin(available_prompts()) & rows["design"].isin(DESIGNS)]
    return tuple(_recording(row) for row in usable.to_dict("records"))


def _recording(row: Any) -> Recording:
    parameters = row["parameters"]
    return Recording(
        engine=str(row["engine"]),
        model=str(row["model"]),
        base_url=None if pd.isna(row["base_url"]) else str(row["base_url"]),
        temperature=float(parameters["temperature"]),
        max_output_tokens=int(parameters["max_output_tokens"]),
        seed=None if parameters["seed"] is None else int(parameters["seed"]),
        prompts=str(row["prompt_version"]),
        design=str(row["design"]),
        samples=int(row["samples"]),
        answers=int(row["answers"]),
        last_asked=row["last_asked"].to_pydatetime(),
    )
