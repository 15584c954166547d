"""What came of a persona audit and of a confounding audit, as commands print them, pages draw them and the store keeps them.

Shares and probabilities are in percentage points; None where a figure is not defined or its interval unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.cognition.llm.budget import Spent
from core.result import Result
from core.validity.persona_audit import Estimate

POINTS = 100.0
#: Kinds of run are few; these two share one, and are told apart by their field `what`.
KIND, CHECKS, AUDIT = "persona_audit", "checks", "audit"
#: Where answers whose spread is judged are from.
OF_RUN, OF_CHECKS = "run", "checks"
#: Why a check was not made.
NO_WORDS, NO_VARIANTS, NOBODY, OTHER_METRIC, TOO_FEW = "no_words", "no_variants", "nobody", "other_metric", "too_few"


def number(value: float, digits: int = 4) -> float | None:
    """Rounded, without the sign of a zero; None for NaN."""
    return round(float(value), digits) + 0.0 if np.isfinite(value) else None


@dataclass(frozen=True, kw_only=True)
class IntervalEstimate:
    """A figure with its interval, None where it cannot be known."""

    value: float | None
    lower: float | None
    upper: float | None

    @classmethod
    def of(cls, estimate: Estimate, scale: float = 1.0, digits: int = 4) -> IntervalEstimate:
        """An estimate on another scale, rounded."""
        return cls(**{name: number(scale * getattr(estimate, name), digits) for name in ("value", "lower", "upper")})


@dataclass(frozen=True, kw_only=True)
class Audited:
    """Which run was asked again, of which model (None: the rules engine), and what that took. `model_ids` are those that
    answered; `failed` questions have no valid answer. `behaviours` maps ids to labels."""

    study: str
    fictional: bool
    engine: str
    model: str | None
    model_ids: tuple[str, ...]
    temperature: float | None
    of_run: str
    personas: int
    behaviours: Mapping[str, str]
    spent: Spent | None = None
    failed: int = 0
    run_id: str = ""
    seconds: float = 0.0

    def content(self) -> dict[str, Any]:
        """What of it is a result, and no circumstance of its making."""
        assert isinstance(self, Result)
        return {name: value for name, value in self.as_dict().items() if name not in ("run_id", "seconds", "spent")}


@dataclass(frozen=True, kw_only=True)
class SpreadFigures:
    """Standard deviation between `personas` by behaviour, of `own` answers and those of the `rules`, and their ratios;
    `differs` where the interval of the whole `ratio` leaves out 1."""

    source: str
    reference: str
    personas: int
    own: Mapping[str, float | None]
    rules: Mapping[str, float | None]
    ratios: Mapping[str, IntervalEstimate]
    ratio: IntervalEstimate
    differs: bool


@dataclass(frozen=True, kw_only=True)
class RulesCollapse:
    """The same figures of the rules engine's answers."""

    distinct: float | None
    collapse: float | None


@dataclass(frozen=True, kw_only=True)
class CollapseFigures:
    """How many different people there are (`core.validity.diversity`); `between_people` is the share of variance between them,
    and `collapsed` says that it makes no difference, as far as can be told, who is asked."""

    distinct: float | None
    kish: float | None
    collapse: float | None
    dimensions: float | None
    rules: RulesCollapse
    between_people: IntervalEstimate
    collapsed: bool


@dataclass(frozen=True, kw_only=True)
class SampleAgreement:
    """How far repeated samples agree, by behaviour and over all (`core.validity.persona_audit.Agreement`); `noise` lies in one
    answer, and `error_of_mean` is what it leaves in the population's mean."""

    icc: Mapping[str, IntervalEstimate]
    between_people: Mapping[str, IntervalEstimate]
    overall: IntervalEstimate
    due_to_sampling: float | None
    noise: Mapping[str, float | None]
    error_of_mean: Mapping[str, float | None]
    identical: bool
    mostly_sampling: bool


@dataclass(frozen=True, kw_only=True)
class WordingChange:
    """What one other wording or cue does. `shift` is towards going out less, `followed` towards what the cue hopes for."""

    id: str
    kind: str
    label: str
    prompts: str
    difference: float | None
    noise: float | None
    excess: IntervalEstimate
    shift: IntervalEstimate
    shifts: Mapping[str, IntervalEstimate]
    followed: IntervalEstimate | None
    moves: bool


@dataclass(frozen=True, kw_only=True)
class OpposedCues:
    """What two opposite hopes of the asker do between them."""

    shift: IntervalEstimate
    moves: bool


@dataclass(frozen=True, kw_only=True)
class CutoffPeriod:
    """The knowledge cut-off of a model (a month, from `source`, as it stood there on `read_on`) against the study's period."""

    models: tuple[str, ...]
    cutoff: str | None
    read_on: str | None
    source: str | None
    start: str
    end: str
    relation: str


@dataclass(frozen=True, kw_only=True)
class MemoryFigures:
    """How close recalled figures come (`core.validity.memorisation.Memory`)."""

    months: int
    error: float | None
    naive: float | None
    gain: IntervalEstimate
    p: float | None


@dataclass(frozen=True, kw_only=True)
class RecalledMonth:
    """A month of a behaviour, as it was observed and as the model recalls it."""

    month: str
    behaviour: str
    after_training: bool
    observed: float | None
    recalled: float | None


@dataclass(frozen=True, kw_only=True)
class MemoryCheck:
    """Recall over `all` months and over those `after_training`, in `unit`."""

    unit: str
    all: MemoryFigures
    after_training: MemoryFigures
    rows: tuple[RecalledMonth, ...]
    remembered: bool


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A check that found something a reader of the run must know; `id` is the wording's, where it is about one."""

    check: str
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class PersonaAuditResult(Audited, Result, kind=KIND, what=CHECKS):
    """Every check of a run's personas; None and empty where one was not made, and `not_checked` says why. `found` is ordered,
    the most serious first."""

    what: Literal["checks"] = "checks"
    design: str | None
    of_personas: int
    contexts: int
    samples: int
    not_checked: Mapping[str, str]
    spread: SpreadFigures | None = None
    collapse: CollapseFigures | None = None
    samples_agree: SampleAgreement | None = None
    wording: tuple[WordingChange, ...] = ()
    cues: tuple[WordingChange, ...] = ()
    opposed: OpposedCues | None = None
    cutoff: CutoffPeriod | None = None
    memory: MemoryCheck | None = None
    found: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AuditLevel:
    """A level asked for, and the stringency that the indicators realise."""

    target: float
    stringency: float | None


@dataclass(frozen=True, kw_only=True)
class AssociationRow:
    """How one variable goes with the level in one design, over so many `units`; `fixed` where the prompt itself says the
    answer. The `slope` is from no policy to full policy, in points of the answer's scale."""

    design: str
    stated: bool
    variable: str
    label: str
    fixed: bool
    units: int
    unit: str
    slope: IntervalEstimate
    correlation: float | None
    means: tuple[float | None, ...]
    p: float | None
    moves: bool


@dataclass(frozen=True, kw_only=True)
class RangeRow:
    """What a wider range of policies shown does to the answers at one level, for a behaviour or (None) over all."""

    design: str
    level: float | None
    narrow_range: tuple[float | None, float | None]
    wide_range: tuple[float | None, float | None]
    behaviour: str | None
    label: str
    narrow: float | None
    wide: float | None
    effect: IntervalEstimate
    moves: bool


@dataclass(frozen=True, kw_only=True)
class DesignVerdict:
    """Which variables `moved` with the policy in a design, and which of them though the prompt itself says the answer."""

    design: str
    stated: bool
    moved: tuple[str, ...]
    fixed_moved: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RangeVerdict:
    """Whether the range shown moves the answers in a design, over all behaviours."""

    design: str
    moves: bool


@dataclass(frozen=True, kw_only=True)
class ConfoundingResult(Audited, Result, kind=KIND, what=AUDIT):
    """What else moves with the policy: `associations` one for each design, way of stating and variable, `ranges` one for each
    design and behaviour, and one over all of them."""

    what: Literal["audit"] = "audit"
    run_design: str
    designs: tuple[str, ...]
    levels: tuple[AuditLevel, ...]
    variables: Mapping[str, str]
    associations: tuple[AssociationRow, ...]
    ranges: tuple[RangeRow, ...]
    verdicts: tuple[DesignVerdict, ...]
    range_verdicts: tuple[RangeVerdict, ...] = ()
