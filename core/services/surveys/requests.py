"""What may be asked of a survey question, from nothing: the study's people are made where no population is named."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

from core.cognition.registry import DEFAULT_ENGINE, ENGINES, replays
from core.errors import InputError
from core.options import option, option_name
from core.records import RunRecord
from core.services.studies.requests import PERCENTS, ModelOptions
from core.survey.mapping import BEHAVIOUR, TRAIT, AnswerMapping
from core.survey.prompts import SURVEY_PROMPTS
from core.survey.questions import CHOICES, SurveyQuestion, load_question

_SCALE = re.compile(r"(-?\d{1,4})(?:-|\.\.|:)(-?\d{1,4})")
_OF_FILE = ("choices", "several", "rotate", "scale", "low", "high", "situation", "as_of")


@dataclass(frozen=True)
class AskRequest:
    """A question to the people of a study, in one way: a language model plays them, or what they have or do stands for it.

    Raises InputError where the parts do not fit together.
    """

    study: str = option("a shipped study (meridia, uae) or a study file", positional=True)
    question: str = option("the question, or a TOML or JSON file with all of it", word="TEXT|FILE")
    choices: str = option("2 to 12 answers (a comma inside one: \\,)", "", word="A,B,C")
    several: bool = option("any number of the choices may be given", False)
    rotate: bool = option("begin the choices with another one for each persona", False)
    scale: str = option("whole numbers, such as 1-5 or 0-10", "", word="LOW-HIGH")
    low: str = option("what the low end of the scale means", "", word="TEXT")
    high: str = option("what the high end of the scale means", "", word="TEXT")
    situation: str = option("what holds when the question is asked, in words", "", word="TEXT")
    as_of: date | None = option("the policy in force on this day holds", None)
    timeline: str | None = option("a kept timeline for --as-of (default: the observed one)", None, word="ID")
    data: str | Path | None = option("folder of observations, for --as-of", None, word="DIR")
    population: str | None = option("a kept population (default: the study's own)", None, word="ID")
    personas: int | None = option("how many to ask at most (default 100 of a model)", None)
    among: tuple[str, ...] = option("ask only these", (), word="ATTRIBUTE=A,B", repeat=True)
    from_age: int | None = option("ask only people of age groups from there on", None, word="YEARS")
    engine: str = option("gemini, openai, local or replay; rules needs --trait or --behaviour", DEFAULT_ENGINE)
    trait: str | None = option("assume that this trait is the answer; asks no model", None)
    behaviour: str | None = option("assume that this behaviour on the day is; asks no model", None)
    reverse: bool = option("high traits or probabilities mean the low end", False)
    by: tuple[str, ...] = option("show the answers by these attributes or traits", (), word="ATTRIBUTE,…")
    seed: int = option("of the population and the intervals", 0)
    asking: ModelOptions | None = None

    def __post_init__(self) -> None:
        ENGINES.named(self.engine, where="ask")
        if self.asking is not None and (self.asking.design, self.asking.days) != (
            ModelOptions.design,
            ModelOptions.days,
        ):
            raise InputError(
                "--design and --days are a way to ask about situations", where="ask",
                allowed="a survey question without them",
            )  # fmt: skip
        if self.trait and self.behaviour:
            raise InputError("a trait and a behaviour are given", where="ask", allowed="--trait or --behaviour")
        for item in self.among:
            name, _, values = item.partition("=")
            if not name.strip() or not _listed(values):
                raise InputError(f"'{item}' names nobody", where="--among", allowed="ATTRIBUTE=CATEGORY,CATEGORY")
        self.survey_question()

    def survey_question(self) -> SurveyQuestion:
        """The question itself. InputError where it cannot be asked."""
        if Path(self.question).suffix.lower() in (".toml", ".json"):
            for item in fields(self):
                if item.name in _OF_FILE and getattr(self, item.name):
                    given, allowed = f"--{option_name(item)} beside a file", f"all of it in {self.question}"
                    raise InputError(given, where="ask", allowed=allowed)
            return load_question(self.question)
        if bool(self.choices) == bool(self.scale):
            raise InputError("a question needs one kind of answer", where="ask", allowed="--choices or --scale")
        if self.choices:
            if self.low or self.high:
                raise InputError("--low and --high are for a scale", where="ask", allowed="--scale")
            return SurveyQuestion.of_choices(
                self.question, [part.replace("\\,", ",").strip() for part in re.split(r"(?<!\\),", self.choices)],
                several=self.several, rotate=self.rotate, situation=self.situation, as_of=self.as_of,
            )  # fmt: skip
        if self.several or self.rotate:
            raise InputError("--several and --rotate are for choices", where="ask", allowed="--choices")
        found = _SCALE.fullmatch(self.scale.strip())
        if found is None:
            allowed = "LOW-HIGH in whole numbers, such as 1-5"
            raise InputError(f"'{self.scale}' is not a scale", where="--scale", allowed=allowed)
        return SurveyQuestion.of_scale(
            self.question, int(found[1]), int(found[2]), self.low, self.high, situation=self.situation, as_of=self.as_of
        )

    @property
    def mapping(self) -> AnswerMapping | None:
        """What stands for the answer where no model is asked."""
        if self.trait or self.behaviour:
            return AnswerMapping(TRAIT if self.trait else BEHAVIOUR, self.trait or self.behaviour or "", self.reverse)
        return None

    @property
    def chosen(self) -> dict[str, list[str]]:
        """Who is meant by `among`: categories by attribute."""
        pairs = [item.partition("=") for item in self.among]
        return {name.strip(): _listed(values) for name, _, values in pairs}

    @property
    def prompts(self) -> str:
        """The version of the prompts; the default of runs stands for that of surveys."""
        named = ModelOptions.prompts if self.asking is None else self.asking.prompts
        return SURVEY_PROMPTS if named == ModelOptions.prompts else named


def asked_with(record: RunRecord, engine: str | None = None, *, allow_failures: bool = False) -> ModelOptions | None:
    """How a question was asked, by the record of its run; with `engine` instead of its own, to replay its answers. None where
    no model was asked."""
    said = record.parameters
    if "mapping" in said:
        return None
    own = engine or record.engine
    return ModelOptions(
        engine=own, of=said["asked_engine"] if replays(own) else None, model=said["model"], base_url=said["base_url"],
        temperature=said["temperature"], max_output_tokens=said["max_output_tokens"], seed=said["model_seed"],
        samples=said["samples"], prompts=_named_prompts(record.prompt_version),
        read=said.get("read", PERCENTS), rotations=said.get("rotations", ModelOptions.rotations),
        allow_failures=allow_failures or said["allow_failures"],
    )  # fmt: skip


def _named_prompts(version: str | None) -> str:
    """A version of the survey prompts as an option: the usual one is not named."""
    return ModelOptions.prompts if version in (None, SURVEY_PROMPTS) else str(version)


def request_of_question(record: RunRecord, by: tuple[str, ...] = ()) -> AskRequest:
    """The request that gives a question's run again where its population is kept."""
    said = record.parameters
    question, mapping = SurveyQuestion.from_dict(said["question"]), said.get("mapping") or {}
    return AskRequest(
        study=record.study_id,
        question=question.text,
        choices=",".join(item.replace(",", "\\,") for item in question.choices),
        several=question.several,
        rotate=question.rotate,
        scale="" if question.kind == CHOICES else f"{question.low}:{question.high}",
        low=question.low_label,
        high=question.high_label,
        situation=question.situation,
        as_of=question.as_of,
        timeline=None if question.as_of is None else record.timeline_id,
        population=record.population_id,
        personas=said.get("most", record.personas),
        among=tuple(f"{name}={','.join(values)}" for name, values in said["among"].items()),
        engine=record.engine,
        trait=mapping.get("name") if mapping.get("source") == TRAIT else None,
        behaviour=mapping.get("name") if mapping.get("source") == BEHAVIOUR else None,
        reverse=mapping.get("reverse", False),
        by=by,
        seed=record.seed,
        asking=asked_with(record),
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
