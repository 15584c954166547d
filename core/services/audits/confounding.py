"""The confounding audit of a run's language model: what else moves with the policy, by way of asking.

The order of the audit:
1. the policies: some levels of the staircase (core/counterfactual/levels.py), all else equal;
2. in each design, and with the epidemic stated or not, questions about what such a policy cannot move;
3. in the designs that show other policies too, the behaviours themselves, with a narrow and with a wide range shown;
4. associations with the level and effects of the range, with intervals; stored as a run of kind "persona_audit".
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from core.cognition.engine import CONTEXT, DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS
from core.cognition.llm.budget import Plan
from core.cognition.llm.designs import APART, Aggregate, Blinded, Design, Levels, Unblinded
from core.cognition.llm.domain_words import hears_of_an_epidemic
from core.cognition.llm.engine import LanguageEngine
from core.cognition.llm.prompts import PERSONA
from core.cognition.llm.variants import Variable, audit_writer, variables_of
from core.counterfactual.levels import FrozenPolicy, frozen_policies
from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.records import RunRecord
from core.services.audits.preparing import Answers, Batch, Part, Subject, keep_audit, some_personas, subject_of
from core.services.audits.requests import ConfoundingRequest
from core.services.audits.results import (
    AUDIT,
    KIND,
    POINTS,
    AssociationRow,
    AuditLevel,
    ConfoundingResult,
    DesignVerdict,
    IntervalEstimate,
    RangeRow,
    RangeVerdict,
    number,
)
from core.services.language.engines import asked_of
from core.store.database import Store
from core.study import Step, Study
from core.validity.confounding import association, range_effect

#: Nobody in particular is asked so often: the samples are then what an interval is over.
AGGREGATE_SAMPLES = 10
#: How far the narrow range reaches, as a part of the wide one.
NARROW = 0.25
#: The situation that is the same at every level: an ordinary working day in the middle of an epidemic.
SITUATION: dict[str, Any] = {DAY_TYPE: "working", RAMADAN: False, EPIDEMIC: 1, RESTRICTED_DAYS: 45}


def situation_of(study: Study) -> dict[str, Any]:
    """The same for every study whose step is a day; else the first kind of its periods, in ordinary surroundings."""
    if study.step is Step.DAY:
        return SITUATION
    around = {f"{item.code}{CONTEXT}": 0 for item in study.context}
    return {**SITUATION, DAY_TYPE: study.calendar.kinds[0], EPIDEMIC: 0, **around}


RANGES = ("narrow", "wide")


def confounding_audit(
    request: ConfoundingRequest, store: Store, *, watch: ProgressReporter | None = None, study: Study | None = None
) -> ConfoundingResult:
    """What else moves with the policy in the model of a run, by design, and what the range shown does; kept as a run.

    Everything is asked a second time without saying how many cases there are, unless `stated_only`. `study` is the run's
    where it was read already. Raises InputError for a run of the rules engine, which is asked nothing in words, and for
    levels that do not differ; otherwise as `audit_personas`.
    """
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    watch.report("ingest", 0, 1, "reading the run")
    audit = _Audit(store, request, watch, study)
    record = audit.record()
    answers = audit.batch.ask(record.run_id)
    watch.report("validate", 0, 1, "associations")
    result = audit.result(answers)
    values = result.as_dict()
    result = keep_audit(store, record, result, [values["associations"], values["ranges"]], began)
    watch.finish("store", "done")
    return result


def confounding_cost(request: ConfoundingRequest, store: Store) -> Plan:
    """What `confounding_audit` would take, asking nothing. Raises InputError as it does."""
    return _Audit(store, request, ProgressReporter()).batch.plan()


@dataclass(frozen=True)
class _Asked:
    """A part of the audit: a design, and either whether the epidemic is stated (audit) or the range shown (behaviours)."""

    design: str
    stated: bool
    range: str | None
    part: Part


class _Audit:
    """An audit about to be made: everything read, nothing asked."""

    def __init__(
        self, store: Store, request: ConfoundingRequest, watch: ProgressReporter, study: Study | None = None
    ) -> None:
        self.designs = request.designs
        self.subject = subject = subject_of(store, request.run, request.asking, watch, study)
        if subject.engine is None:
            raise InputError(
                "was made with the rules engine, which is asked nothing in words: nothing else can move",
                where=f"run {subject.run_id}",
                allowed="a run of a language model, or a way to ask one",
            )
        self.engine = subject.engine
        self.policies = _policies(subject, request.levels)
        self.personas = some_personas(subject.population.personas, request.personas)
        self.weights = self.personas["weight"].to_numpy(float)
        self.variables = variables_of(self.engine.writer.files.version, subject.study)
        self.unstated = not request.stated_only and hears_of_an_epidemic(subject.study)
        self.asked = [*self._associations(), *self._ranges()]
        self.batch = Batch(self.engine, [item.part for item in self.asked])

    def record(self) -> RunRecord:
        """The record of the audit, with a run id of its own."""
        of, engine = self.subject.record, self.engine
        parameters = {
            "what": AUDIT,
            "of_run": self.subject.run_id,
            "asking": engine.description,
            "designs": list(self.designs),
            "levels": [item.target for item in self.policies],
            "unstated": self.unstated,
            "prompts": {item.part.name: item.part.engine.writer.files.hash for item in self.asked},
        }
        return of.about(KIND, parameters, personas=len(self.personas), **asked_of(engine))

    def result(self, answers: Answers) -> ConfoundingResult:
        """All figures."""
        study = self.subject.study
        by_way: dict[tuple[str, bool], tuple[AssociationRow, ...]] = {
            (item.design, item.stated): self._rows(item, answers.values[item.part.name])
            for item in self.asked
            if item.range is None
        }
        ranges = tuple(self._range_rows(answers))
        return ConfoundingResult(
            study=study.id,
            fictional=study.fictional,
            engine=self.engine.name,
            model=self.engine.spec.model,
            model_ids=answers.model_ids,
            temperature=self.engine.spec.temperature,
            of_run=self.subject.run_id,
            run_design=self.engine.design.name,
            designs=self.designs,
            personas=len(self.personas),
            levels=tuple(AuditLevel(target=item.target, stringency=number(item.realised, 2)) for item in self.policies),
            variables={item.id: item.label for item in self.variables},
            behaviours={item.id: item.label for item in study.behaviours},
            associations=tuple(row for rows in by_way.values() for row in rows),
            ranges=ranges,
            range_verdicts=tuple(
                RangeVerdict(design=row.design, moves=row.moves) for row in ranges if row.behaviour is None
            ),
            verdicts=tuple(
                DesignVerdict(
                    design=design,
                    stated=stated,
                    moved=tuple(row.variable for row in rows if row.moves),
                    fixed_moved=tuple(row.variable for row in rows if row.moves and row.fixed),
                )
                for (design, stated), rows in by_way.items()
            ),
            spent=answers.spent,
            failed=answers.failed,
        )

    def _ways(self) -> tuple[bool, ...]:
        return (True, False) if self.unstated else (True,)

    def _associations(self) -> list[_Asked]:
        arms = tuple(item.row(self.subject.study) | situation_of(self.subject.study) for item in self.policies)
        rows = pd.DataFrame(list(arms))
        asked = []
        for name in self.designs:
            for stated in self._ways():
                writer = audit_writer(self.subject.study, self.engine.writer.files.version, epidemic_stated=stated)
                design = _design(name, APART, arms)
                engine = self._like(design, AGGREGATE_SAMPLES if design.respondent != PERSONA else self.engine.samples)
                part = Part(
                    f"{name}, {'stated' if stated else 'unstated'}", replace(engine, writer=writer), self.personas, rows
                )
                asked.append(_Asked(name, stated, None, part))
        return asked

    def _ranges(self) -> list[_Asked]:
        """The behaviours at the middle level, with two others that are near or far, where a design shows others."""
        engine = self.engine
        middle = self.policies[len(self.policies) // 2]
        asked = []
        shown = {"wide": (self.policies[0], self.policies[-1]), "narrow": _near(self.subject, self.policies)}
        for name in (item for item in self.designs if item in ("unblinded", "levels")):
            for reach in RANGES:
                low, high = shown[reach]
                rows = self._days((low, middle, high))
                arms = tuple(rows[:: len(engine.writer.kinds)])
                at_middle = rows[len(engine.writer.kinds) : 2 * len(engine.writer.kinds)]
                contexts = pd.DataFrame(rows if name == "levels" else at_middle)
                part = Part(
                    f"{name}, {reach} range",
                    self._like(_design(name, engine.design.days, arms), engine.samples),
                    self.personas,
                    contexts,
                )
                asked.append(_Asked(name, True, reach, part))
        return asked

    def _days(self, policies: Sequence[FrozenPolicy]) -> list[dict[str, Any]]:
        """Contexts of these policies on every kind of day, one policy after the other."""
        about = [item.row(self.subject.study) | situation_of(self.subject.study) for item in policies]
        return [row | {DAY_TYPE: kind} for row in about for kind in self.engine.writer.kinds]

    def _like(self, design: Design, samples: int) -> LanguageEngine:
        return replace(self.engine, design=design, samples=samples, returned=set())

    def _rows(self, item: _Asked, values: np.ndarray) -> tuple[AssociationRow, ...]:
        """One row for each variable; `values` (samples, personas, levels, variables)."""
        aggregate = item.part.engine.design.respondent != PERSONA
        units = values[:, 0] if aggregate else _over_samples(values)
        weights = np.ones(len(units)) if aggregate else self.weights
        strictness = [policy.realised for policy in self.policies]
        rows = []
        tests = len(self.variables) * len(self.designs) * len(self._ways())
        for place, variable in enumerate(self.variables):
            found = association(units[..., place], weights, strictness, tests=tests, seed=self.subject.record.seed)
            rows.append(
                AssociationRow(
                    design=item.design,
                    stated=item.stated,
                    variable=variable.id,
                    label=variable.label,
                    fixed=_fixed(variable, item.stated, aggregate),
                    units=int(np.isfinite(units[..., place]).all(axis=1).sum()),
                    unit="sample" if aggregate else "persona",
                    slope=IntervalEstimate.of(found.slope, POINTS, 3),
                    correlation=number(found.correlation, 3),
                    means=tuple(number(POINTS * mean, 2) for mean in found.means),
                    p=number(found.p),
                    moves=found.moves,
                )
            )
        return tuple(rows)

    def _range_rows(self, answers: Answers) -> Iterator[RangeRow]:
        study, kinds = self.subject.study, len(self.engine.writer.kinds)
        tests = len({item.design for item in self.asked if item.range})
        for name in (item for item in self.designs if item in ("unblinded", "levels")):
            middle = {}
            for reach in RANGES:
                found = _over_samples(answers.values[f"{name}, {reach} range"])
                at_middle = found[:, kinds : 2 * kinds] if name == "levels" else found
                middle[reach] = at_middle.mean(axis=1)
            effect = range_effect(
                middle["narrow"], middle["wide"], self.weights, self.subject.signs, tests=tests,
                seed=self.subject.record.seed,
            )  # fmt: skip
            near = _near(self.subject, self.policies)
            whole = RangeRow(
                design=name,
                level=number(self.policies[len(self.policies) // 2].realised, 2),
                narrow_range=(number(near[0].realised, 2), number(near[1].realised, 2)),
                wide_range=(number(self.policies[0].realised, 2), number(self.policies[-1].realised, 2)),
                behaviour=None,
                label="towards going out less, mean",
                narrow=None,
                wide=None,
                effect=IntervalEstimate.of(effect.effect, POINTS, 3),
                moves=effect.effect.leaves_out(0.0),
            )
            yield whole
            for place, item in enumerate(study.behaviours):
                yield replace(
                    whole,
                    behaviour=item.id,
                    label=item.label,
                    narrow=number(POINTS * effect.narrow[place], 2),
                    wide=number(POINTS * effect.wide[place], 2),
                    effect=IntervalEstimate.of(effect.effects[place], POINTS, 3),
                    moves=effect.effects[place].leaves_out(0.0),
                )


def _policies(subject: Subject, levels: Sequence[float]) -> list[FrozenPolicy]:
    """The policies of the levels; InputError for fewer than three that differ."""
    found = frozen_policies(subject.study, list(levels))
    distinct = list({item.realised: item for item in found}.values())
    if len(distinct) < 3:
        raise InputError(
            f"{len(distinct)} different levels", where="audit", allowed="three or more that differ on the staircase"
        )
    return distinct


def _near(subject: Subject, policies: Sequence[FrozenPolicy]) -> tuple[FrozenPolicy, FrozenPolicy]:
    """The policies on both sides of the middle one that lie NARROW of the way to the outermost ones."""
    middle, low, high = policies[len(policies) // 2], policies[0], policies[-1]
    targets = [middle.realised + NARROW * (item.realised - middle.realised) for item in (low, high)]
    near = frozen_policies(subject.study, targets)
    if len({item.realised for item in (near[0], middle, near[-1])}) < 3:
        raise InputError(
            "the levels lie too close together for a narrow and a wide range",
            where="audit",
            allowed="levels further apart",
        )
    return near[0], near[-1]


def _design(name: str, days: str, arms: tuple[dict[str, Any], ...]) -> Design:
    """The design of this name; what is compared are `arms`, where a design names them."""
    if name == "unblinded":
        return Unblinded(days=days, arms=arms)
    if name == "levels":
        # Side by side in one prompt, however many they are: that they are is what the design is.
        return Levels(days=days, most=max(len(arms), 1))
    return Aggregate(days=days) if name == "aggregate" else Blinded(days=days)


def _fixed(variable: Variable, stated: bool, aggregate: bool) -> bool:
    """Whether the prompt itself says the answer."""
    return (variable.said == "persona" and not aggregate) or (variable.said == "epidemic" and stated)


def _over_samples(values: np.ndarray) -> np.ndarray:
    """Means over samples, (personas, contexts, columns); NaN where a sample is missing: not to mix numbers of samples."""
    return np.asarray(values.mean(axis=0))
