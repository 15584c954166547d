"""Ways of asking: which conditions stand in one prompt, who answers, and what the model is told about the others.

============ ======== ======================================================================================
design       who      what
============ ======== ======================================================================================
`blinded`    persona  one situation in a prompt, and nothing about any other
`unblinded`  persona  one situation in a prompt, with the statement that chance set the rules in a designed
                      comparison, and what the other sets of rules in it are
`levels`     persona  all sets of rules that differ in nothing else, side by side in one prompt
`aggregate`  nobody   one situation in a prompt: what share of all inhabitants would; the same for all personas
============ ======== ======================================================================================

Gui and Toubia (2023, arXiv 2312.15524): a blinded prompt lets the model change what was left unsaid along with the
treatment, and a covariate fixed in the prompt draws attention to itself; saying that the treatment was randomised, or
asking for the whole experiment at once, is less ambiguous.

A situation is a context without its kind of day. With `days` = together one prompt asks about all kinds of day that the
study's calendar has, whichever are needed: so an answer does not depend on what else is asked for, and a question is in
the cache for every split and every change of holidays. A kind of day that only an edited calendar has, and every kind
with `days` = apart, has a prompt of its own. Under `levels` an answer does depend on which sets of rules are shown with
it, which is what that design is for; under the others it does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Protocol

import numpy as np
import pandas as pd

from core.cognition.engine import CONTEXT, DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, SEASON
from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.letters import LetterShape, turned
from core.cognition.llm.prompts import AGGREGATE, PERSONA, PromptWriter, season_number
from core.errors import InputError, one_of
from core.study import Indicator, Study

TOGETHER, APART = "together", "apart"
#: Conditions side by side in one prompt of `levels`: more numbers than that in one answer, and models lose track.
MOST_CONDITIONS = 6


@dataclass(frozen=True)
class PromptPlan:
    """What one prompt asks about, whoever answers it.

    `conditions` are contexts (without their kind of day), `kinds` the kinds of day. `answer_slots` says which rows of the
    context table an answer fills: (condition, kind, row). Where one letter is asked for, it is about one `behaviour` (its
    place in the study), and `options` are those that the letters stand for, as places, with the number that each is `worth`.
    """

    conditions: tuple[Mapping[str, Any], ...]
    kinds: tuple[str, ...]
    shape: AnswerShape | LetterShape
    answer_slots: tuple[tuple[int, int, int], ...]
    behaviour: int | None = None
    options: tuple[int, ...] = ()
    worth: tuple[float, ...] = ()

    def array(self, answer: Mapping[str, Any]) -> np.ndarray:
        """The numbers of a parsed answer: float64, (conditions or 1, kinds or 1, the behaviours that it is about)."""
        if isinstance(self.shape, LetterShape):
            return np.array([[[self.shape.probabilities(answer) @ self.worth]]])
        return self.shape.array(answer)

    def behaviours(self, ids: Sequence[str]) -> tuple[str, ...]:
        """Those of the study's behaviours that it is about."""
        return tuple(ids) if self.behaviour is None else (ids[self.behaviour],)


class Design(Protocol):
    """One way of asking. `respondent` is who answers: PERSONA, or AGGREGATE where nobody in particular does."""

    @property
    def name(self) -> str: ...

    @property
    def respondent(self) -> str: ...

    @property
    def days(self) -> str: ...

    @property
    def rotations(self) -> int:
        """In how many orders letters are asked for; 0 where percents are."""
        ...

    def plans(self, contexts: pd.DataFrame, writer: PromptWriter) -> list[PromptPlan]:
        """What has to be asked to fill every row of `contexts`, in an order that its rows' order does not matter to."""
        ...

    def prompt(self, plan: PromptPlan, persona: str, writer: PromptWriter) -> str:
        """The prompt of a plan for the persona in this block of text ("" where nobody in particular is asked)."""
        ...


@dataclass(frozen=True)
class _OneCondition:
    """What the designs with one situation in a prompt share."""

    days: str = TOGETHER
    rotations: int = 0

    def plans(self, contexts: pd.DataFrame, writer: PromptWriter) -> list[PromptPlan]:
        found = [
            PromptPlan((situation,), kinds, shape_of((), kinds, writer), _answer_slots([rows], kinds))
            for kinds, group in _by_kinds(contexts, writer, self.days)
            for situation, rows in group
        ]
        return (
            [piece for plan in found for piece in _letters(plan, writer, self.rotations)] if self.rotations else found
        )


@dataclass(frozen=True)
class Blinded(_OneCondition):
    """One situation in a prompt, and nothing about any other."""

    name: str = "blinded"
    respondent: str = PERSONA

    def prompt(self, plan: PromptPlan, persona: str, writer: PromptWriter) -> str:
        return writer.prompt(
            self.name,
            persona=persona,
            condition=writer.condition(plan.conditions[0]),
            **_asked(plan, self.respondent, writer),
        )


@dataclass(frozen=True)
class Unblinded(_OneCondition):
    """One situation, said to be one arm of a designed comparison whose other arms are named.

    `arms` are the sets of rules compared, as contexts (a sweep's levels, say); by default no rules, each indicator
    half-way, and each at its strictest. They are the same for every question, and the set in force is left out.
    """

    arms: tuple[Mapping[str, Any], ...] = ()
    name: str = "unblinded"
    respondent: str = PERSONA

    def prompt(self, plan: PromptPlan, persona: str, writer: PromptWriter) -> str:
        situation = plan.conditions[0]
        arms = dict.fromkeys(writer.arm(arm) for arm in self.arms or ladder(writer.study))
        arms.pop(writer.arm(situation), None)
        if not arms:
            raise InputError(
                "the comparison has no other set of rules", where="design unblinded", allowed="two or more"
            )
        return writer.prompt(
            self.name,
            persona=persona,
            condition=writer.condition(situation),
            arms="\n".join(arms),
            **_asked(plan, self.respondent, writer),
        )


@dataclass(frozen=True)
class Levels:
    """All sets of rules with the same time under restrictions, epidemic and Ramadan, in one prompt, from mild to strict.

    Of more than `most` sets each prompt shows about equally many; sets next to each other stay together.
    """

    days: str = TOGETHER
    rotations: int = 0
    most: int = MOST_CONDITIONS
    name: str = "levels"
    respondent: str = PERSONA

    def __post_init__(self) -> None:
        if self.rotations:
            raise InputError(
                "one letter about several sets of rules", where="design levels, --read logprobs",
                allowed=", ".join(name for name in DESIGNS if name != "levels"),
            )  # fmt: skip
        if not 1 <= self.most <= len(ascii_uppercase):
            raise InputError(
                f"{self.most} conditions in a prompt", where="design levels", allowed=f"1 to {len(ascii_uppercase)}"
            )

    def plans(self, contexts: pd.DataFrame, writer: PromptWriter) -> list[PromptPlan]:
        plans = []
        for kinds, group in _by_kinds(contexts, writer, self.days):
            alike: dict[str, list[tuple[Mapping[str, Any], dict[str, list[int]]]]] = {}
            for situation, rows in group:
                alike.setdefault(writer.common(situation), []).append((situation, rows))
            for members in alike.values():
                pieces = -(-len(members) // self.most)
                for piece in np.array_split(np.arange(len(members)), pieces):
                    chosen = [members[position] for position in piece]
                    labels = tuple(ascii_uppercase[: len(chosen)])
                    slots = _answer_slots([rows for _, rows in chosen], kinds)
                    conditions = tuple(situation for situation, _ in chosen)
                    plans.append(PromptPlan(conditions, kinds, shape_of(labels, kinds, writer), slots))
        return plans

    def prompt(self, plan: PromptPlan, persona: str, writer: PromptWriter) -> str:
        assert isinstance(plan.shape, AnswerShape)
        labelled = zip(plan.shape.conditions, plan.conditions, strict=True)
        return writer.prompt(
            self.name,
            persona=persona,
            common=writer.common(plan.conditions[0]),
            conditions="\n\n".join(f'Condition "{label}". {writer.rules(situation)}' for label, situation in labelled)
            + "\n",
            **_asked(plan, self.respondent, writer),
        )


@dataclass(frozen=True)
class Aggregate(_OneCondition):
    """What share of all inhabitants would, asked of nobody in particular."""

    name: str = "aggregate"
    respondent: str = AGGREGATE

    def prompt(self, plan: PromptPlan, persona: str, writer: PromptWriter) -> str:
        return writer.prompt(
            self.name, condition=writer.condition(plan.conditions[0]), **_asked(plan, self.respondent, writer)
        )


_BY_NAME: dict[str, type[Blinded] | type[Unblinded] | type[Levels] | type[Aggregate]] = {
    "blinded": Blinded,
    "unblinded": Unblinded,
    "levels": Levels,
    "aggregate": Aggregate,
}
DESIGNS = tuple(_BY_NAME)


def design_of(name: str, days: str = TOGETHER, rotations: int = 0) -> Design:
    """The design of this name, with `rotations` one that asks for letters; InputError for an unknown one, for one that cannot
    ask so, or for days asked about otherwise."""
    one_of(name, DESIGNS, what="design")
    one_of(days, (TOGETHER, APART), what="way to ask about kinds of day")
    return _BY_NAME[name](days=days, rotations=rotations)


def ladder(study: Study) -> tuple[dict[str, float], ...]:
    """No rules, every indicator half-way up (rounded up), and every indicator at its strictest; all in general."""
    rungs = []
    for share in (0.0, 0.5, 1.0):
        row: dict[str, float] = {}
        for item in study.indicators:
            steps = item.steps()
            row[item.code] = float(steps[math.ceil(share * (len(steps) - 1))])
            if item.has_flag:
                row[f"{item.code}_Flag"] = 1.0 if row[item.code] else float("nan")
        rungs.append(row)
    return tuple(rungs)


def shape_of(labels: tuple[str, ...], kinds: tuple[str, ...], writer: PromptWriter) -> AnswerShape:
    """The shape of an answer; about one kind of day alone it holds no names of kinds."""
    behaviours = writer.study.behaviour_ids
    return AnswerShape(labels, kinds if len(kinds) > 1 else (), behaviours, writer.longest_reason, writer.percent)


def _asked(plan: PromptPlan, respondent: str, writer: PromptWriter) -> dict[str, str]:
    if plan.behaviour is not None:
        return writer.letter_question(plan.behaviour, plan.kinds[0], plan.options, respondent)
    assert isinstance(plan.shape, AnswerShape)
    return {
        "days": writer.days(plan.kinds, together=bool(plan.shape.days)),
        "behaviours": writer.behaviours(respondent),
        "form": plan.shape.form(),
    }


def _letters(plan: PromptPlan, writer: PromptWriter, rotations: int) -> list[PromptPlan]:
    """What asks for one letter at a time of what a plan asks about: each kind of day that is needed and each behaviour, in
    `rotations` orders of the options or in as many as there are options."""
    found = []
    for number, kind in enumerate(plan.kinds):
        slots = tuple((0, 0, row) for _, place, row in plan.answer_slots if place == number)
        for behaviour in range(len(writer.study.behaviours)) if slots else ():
            options, worth = writer.letter_options(behaviour)
            turns = min(rotations, len(options))
            for order in (turned(len(options), turn, turns) for turn in range(turns)):
                values = tuple(worth[place] for place in order)
                shape = LetterShape(len(options))
                found.append(PromptPlan(plan.conditions, (kind,), shape, slots, behaviour, order, values))
    return found


_Situation = tuple[Mapping[str, Any], dict[str, list[int]]]


def _by_kinds(
    contexts: pd.DataFrame, writer: PromptWriter, days: str
) -> list[tuple[tuple[str, ...], list[_Situation]]]:
    """The kinds of day that go into one prompt, each with its situations: (a context's values, kind -> its rows).

    Situations come from mild to strict, so that neither order nor grouping depends on the order of `contexts`.
    """
    usual = writer.kinds if days == TOGETHER else ()
    found: dict[tuple[str, ...], dict[tuple[float, ...], _Situation]] = {}
    for row, context in enumerate(contexts.to_dict("records")):
        kind = one_of(str(context[DAY_TYPE]), writer.words["days"]["kinds"], what="kind of day", where=f"context {row}")
        kinds = usual if kind in usual else (kind,)
        situation = {str(name): value for name, value in context.items() if name != DAY_TYPE}
        rows = found.setdefault(kinds, {}).setdefault(_order(situation, writer.study), (situation, {}))[1]
        rows.setdefault(kind, []).append(row)
    return [(kinds, [found[kinds][key] for key in sorted(found[kinds])]) for kinds in sorted(found)]


def _order(situation: Mapping[str, Any], study: Study) -> tuple[float, ...]:
    """A key that tells situations apart and puts mild ones first; a flag at level 0 says nothing and does not count."""
    levels, flags = [], []
    for item in study.indicators:
        level = float(situation[item.code])
        levels.append(level)
        flags.append(float(situation[f"{item.code}_Flag"]) if item.has_flag and level > 0 else -1.0)
    shares = sum(_share(item, level) for level, item in zip(levels, study.indicators, strict=True))
    if shares != shares or any(flag != flag for flag in flags):
        raise InputError("a context lacks a level or a flag", where="prompts", allowed="every level known")
    about = (
        float(situation[RESTRICTED_DAYS]),
        float(situation[EPIDEMIC]),
        float(situation[RAMADAN]),
        season_number(situation.get(SEASON)),
        *(float(situation[f"{item.code}{CONTEXT}"]) for item in study.context),
    )
    return (round(shares, 9), *levels, *flags, *about)


def _share(item: Indicator, level: float) -> float:
    """How much of a lever a level is, for an order."""
    return level / item.maximum if item.amount is None else float(item.sub_index(np.array(level))) / 100


def _answer_slots(
    rows: Sequence[Mapping[str, Sequence[int]]], kinds: tuple[str, ...]
) -> tuple[tuple[int, int, int], ...]:
    return tuple(
        (condition, kinds.index(kind), row)
        for condition, by_kind in enumerate(rows)
        for kind, places in by_kind.items()
        for row in places
    )
