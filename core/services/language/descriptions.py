"""Engines and ways of asking in plain words: what each is, what it guards against, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.cognition.llm.local_weights import caution_of
from core.cognition.registry import ENGINES, asks_model, engine_label, replays
from core.records import RunRecord


@dataclass(frozen=True)
class Choice:
    """Something to choose: its name on the screen, what it is, what it guards against, and where it is weak."""

    title: str
    text: str
    guards: str = ""
    weak: str = ""


ENGINE_CHOICES: Mapping[str, Choice] = {name: Choice(item.title, item.help) for name, item in ENGINES.items()}

DESIGN_CHOICES: Mapping[str, Choice] = {
    "blinded": Choice(
        "Blinded",
        "Each prompt shows one situation and says nothing of any other.",
        "the model playing up to a comparison: it cannot see which difference is looked for.",
        "what the prompt leaves open, the model may imagine to differ along with the rules.",
    ),
    "unblinded": Choice(
        "Unblinded",
        "Each prompt shows one situation, says that chance set its rules in a designed comparison, and names the other sets "
        "of rules.",
        "reading more into the rules than they say, such as a worse epidemic behind stricter ones.",
        "the model knows what is compared, and may exaggerate it.",
    ),
    "levels": Choice(
        "All levels in one prompt",
        "All sets of rules that differ in nothing else stand side by side in one prompt.",
        "answers that do not agree with one another from one level to the next.",
        "an answer depends on what stands beside it, and the model may exaggerate the differences.",
    ),
    "aggregate": Choice(
        "Aggregate",
        "Nobody in particular is asked: what share of all inhabitants would do it.",
        "taking the personas for the cause: it shows what the model says without them, at the lowest price.",
        "everybody gets the same answer, so there is no spread between personas.",
    ),
}

READ_CHOICES: Mapping[str, Choice] = {
    "percents": Choice("Percents that it writes", "The model writes its probabilities, with a reason."),
    "logprobs": Choice(
        "Log-probabilities of letters",
        "Each answer is a letter, and how probable the model makes it is the answer: its own distribution, in one token for "
        "each behaviour, kind of day and order.",
        "models that cannot put probabilities into words.",
        "it needs a server that gives log-probabilities, gives no reasons, and a letter is not an act.",
    ),
}

DAYS_CHOICES: Mapping[str, Choice] = {
    "together": Choice(
        "Together",
        "One prompt asks about all kinds of day of the study's calendar, each for itself.",
        "a working day and a holiday being answered as if by two different people, and a high price.",
    ),
    "apart": Choice(
        "Apart",
        "Each kind of day has a prompt of its own.",
        "one kind of day colouring the answer about another.",
        "it takes several times as many calls.",
    ),
}


def said(choice: Choice) -> str:
    """A choice in a sentence or three."""
    parts = [choice.text]
    if choice.guards:
        parts.append(f"Guards against {choice.guards}")
    if choice.weak:
        parts.append(f"Its weakness: {choice.weak}")
    return " ".join(parts)


def is_rules(record: RunRecord) -> bool:
    """Whether a run's figures are those of the offline engine, and of no language model."""
    return not asks_model(record.engine)


def about_engine(record: RunRecord) -> Mapping[str, Any]:
    """How a run asked its language model, in JSON's types; empty for the offline engine and where it is not recorded."""
    found = record.parameters.get("asking")
    return found if isinstance(found, Mapping) else {}


def run_label(record: RunRecord) -> str:
    """A run among others, in as few words as tell its engine: the offline one always says that it is no model."""
    if is_rules(record):
        return "Rules (not a language model)"
    asking = about_engine(record)
    model = str(asking.get("model") or record.model_id or engine_label(record.engine))
    design = DESIGN_CHOICES.get(str(asking.get("design")))
    replayed = ", replayed" if replays(record.engine) else ""
    small = "" if caution_of_run(record) is None else " (not for findings)"
    return model + (f", {design.title.lower()}" if design else "") + replayed + small


def caution_of_run(record: RunRecord) -> str | None:
    """What has to be said wherever figures of a run are shown, for the size of the model that answered; None where nothing."""
    return None if is_rules(record) else caution_of(record.model_id, str(about_engine(record).get("model") or ""))
