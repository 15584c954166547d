"""Studies: what one is (`definition`), what a policy can set (`levers`), what its file may say (`written`), how it is read
(`reading`)."""

from core.study.definition import (
    MEASUREMENTS,
    WEEKDAYS,
    Behaviour,
    CalendarSpec,
    ContextVariable,
    ExampleQuestion,
    ForecastChoices,
    HoldOut,
    NamedDay,
    PlaceTable,
    RegionKey,
    Source,
    Study,
    StudyWords,
    TargetShares,
    WorkingWeek,
)
from core.study.levers import Amount, Codebook, EffectDynamics, Indicator
from core.study.reading import (
    available_studies,
    codebook_of,
    load_codebook,
    load_study,
    own_studies,
    read_study,
    study_from,
)
from core.study.steps import MONTHS, Step

__all__ = [
    "MEASUREMENTS",
    "MONTHS",
    "WEEKDAYS",
    "Amount",
    "Behaviour",
    "CalendarSpec",
    "Codebook",
    "ContextVariable",
    "EffectDynamics",
    "ExampleQuestion",
    "ForecastChoices",
    "HoldOut",
    "Indicator",
    "NamedDay",
    "PlaceTable",
    "RegionKey",
    "Source",
    "Step",
    "Study",
    "StudyWords",
    "TargetShares",
    "WorkingWeek",
    "available_studies",
    "codebook_of",
    "load_codebook",
    "load_study",
    "own_studies",
    "read_study",
    "study_from",
]
