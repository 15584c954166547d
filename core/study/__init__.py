"""Studies: what one is (`definition`), what its file may say (`written`), and how it is read (`reading`)."""

from core.study.definition import (
    MEASUREMENTS,
    WEEKDAYS,
    Amount,
    Behaviour,
    CalendarSpec,
    Codebook,
    ContextVariable,
    EffectDynamics,
    Indicator,
    NamedDay,
    PlaceWeights,
    RegionKey,
    Source,
    Study,
    StudyWords,
    WorkingWeek,
)
from core.study.reading import available_studies, codebook_of, load_codebook, load_study, read_study, study_from
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
    "Indicator",
    "NamedDay",
    "PlaceWeights",
    "RegionKey",
    "Source",
    "Step",
    "Study",
    "StudyWords",
    "WorkingWeek",
    "available_studies",
    "codebook_of",
    "load_codebook",
    "load_study",
    "read_study",
    "study_from",
]
