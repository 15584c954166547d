"""Sixty fictional interviews of Meridia with known true answers, retest noise and group effects; the process is in
`data/meridia/interviews/README.md`, its numbers and words in `process.toml` there."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.csv_out import write_csv
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.respondents.interviews import INTERVIEWER, SUBJECT, Answer, Item, Person, Turn
from core.settings import shipped_data

ATTRIBUTES = ("age_group", "sex", "region", "occupation", "income")
#: People of the population that adults are taken from.
_DRAWN = 300


@dataclass(frozen=True)
class FictionalInterviews:
    """`people` by id (`m01` …) with attributes, turns and answers on both `occasions`; `traits` (people × traits) and
    `true_answers` (people × questions, codes from 1); `agreement` is the chance of each answer to be given on both occasions."""

    people: tuple[Person, ...]
    items: tuple[Item, ...]
    traits: pd.DataFrame
    true_answers: pd.DataFrame
    occasions: tuple[pd.DataFrame, pd.DataFrame]
    agreement: pd.DataFrame


def process() -> Mapping[str, Any]:
    """The numbers and words of the process."""
    return tomllib.loads((shipped_data() / "meridia" / "interviews" / "process.toml").read_text(encoding="utf-8"))


@cache
def fictional_interviews() -> FictionalInterviews:
    """The interviews: the same on every machine. The result is shared and must not be changed."""
    known = process()
    random = np.random.default_rng(known["seed"])
    spec = load_population_spec("meridia")
    drawn = synthesise(spec, _DRAWN, known["seed"]).personas
    people = drawn[drawn["age_group"] != "0-14"].head(known["people"]).reset_index(drop=True)
    people.index = pd.Index([f"m{place:02d}" for place in range(1, len(people) + 1)], name="id")
    traits = _traits(known["groups"], people, random)
    asked = [(group, question) for group in known["items"] for question in group["questions"]]
    items = tuple(
        Item(
            question["id"], question["wording"], tuple(known["options"]), instrument=group["instrument"],
            construct=group["trait"], reverse=question.get("reverse", False),
        )
        for group, question in asked
    )  # fmt: skip
    names, change = [item.item_id for item in items], np.array([question["change"] for _, question in asked])
    sign = np.array([-1 if item.reverse else 1 for item in items])
    leaning = traits[[item.construct for item in items]].to_numpy() * sign
    leaning = (leaning + known["own"] * random.normal(size=leaning.shape)) / np.sqrt(1 + known["own"] ** 2)
    true = 1 + np.searchsorted(known["thresholds"], leaning)
    given = [_given(true, change, len(known["options"]), random) for _ in range(2)]
    end = (true == 1) | (true == len(known["options"]))
    agreement = (1 - change) ** 2 + change**2 * np.where(end, 1.0, 0.5)
    first, again = (pd.DataFrame(codes, people.index, names) for codes in given)
    levels = pd.DataFrame(np.searchsorted(known["thresholds"], traits.to_numpy()), traits.index, traits.columns)
    phrases = {attribute.name: {item.id: item for item in attribute.categories} for attribute in spec.attributes}
    made = []
    by_name = {name: table.to_dict("index") for name, table in (("people", people), ("levels", levels))}
    codes = [table.to_dict("index") for table in (first, again)]
    for name, row in by_name["people"].items():
        answers = tuple(
            Answer(item, occasion, float(table[name][item]))
            for occasion, table in enumerate(codes, start=1)
            for item in names
        )
        about = {key: str(row[key]) for key in ATTRIBUTES}
        made.append(
            Person(str(name), _turns(known["topics"], about, phrases, by_name["levels"][name], random), answers, about)
        )
    frame = pd.DataFrame(true, people.index, names)
    return FictionalInterviews(
        tuple(made), items, traits, frame, (first, again), pd.DataFrame(agreement, people.index, names)
    )


def write(folder: Path) -> tuple[Path, ...]:
    """Write interviews, answers, true answers, questions and people as CSV into a folder, which is made; the files."""
    found = fictional_interviews()
    folder.mkdir(parents=True, exist_ok=True)
    turns = pd.DataFrame(
        [
            {
                "person": person.source_id,
                "position": turn.position,
                "speaker": turn.speaker,
                "topic": turn.topic,
                "text": turn.text,
            }
            for person in found.people
            for turn in person.turns
        ]
    )
    items = pd.DataFrame([{**vars(item), "options": "|".join(item.options)} for item in found.items])
    people = pd.DataFrame({person.source_id: dict(person.attributes) for person in found.people}).T.rename_axis("id")
    tables = {
        "turns": turns, "items": items, "people": people.reset_index(), "true_answers": found.true_answers.reset_index(),
        "answers_first": found.occasions[0].reset_index(), "answers_again": found.occasions[1].reset_index(),
    }  # fmt: skip
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")
    return tuple(folder / f"{name}.csv" for name in tables)


def _traits(
    groups: Mapping[str, Mapping[str, float]], people: pd.DataFrame, random: np.random.Generator
) -> pd.DataFrame:
    found = {}
    for trait, effects in groups.items():
        values = random.normal(size=len(people))
        for group, effect in effects.items():
            attribute, _, category = group.partition("=")
            values = values + effect * (people[attribute] == category).to_numpy()
        found[trait] = values
    return pd.DataFrame(found, people.index)


def _given(true: np.ndarray, change: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    """Answers of an occasion: the true ones, or by chance one step off, inwards at the ends."""
    step = np.where(random.uniform(size=true.shape) < 0.5, -1, 1)
    step = np.where(true == 1, 1, np.where(true == most, -1, step))
    return true + step * (random.uniform(size=true.shape) < change)


def _turns(
    topics: list[dict[str, Any]],
    about: Mapping[str, str],
    phrases: Mapping[str, Mapping[str, Any]],
    levels: Mapping[Any, Any],
    random: np.random.Generator,
) -> tuple[Turn, ...]:
    region, age = phrases["region"][about["region"]], phrases["age_group"][about["age_group"]]
    work = phrases["occupation"][about["occupation"]].label
    said = [
        ("life", "Where do you live, and who are you?", f"I live {region.phrases[0]}. I am {_years(age.age, random)}."),
        ("work", "What do you do?", f"The registry has me under “{work}”. That is about right."),
    ]
    for topic in topics:
        ways = topic["says"][int(levels[topic["trait"]])]
        said.append((topic["topic"], topic["question"], ways[random.integers(len(ways))]))
    return tuple(
        Turn(2 * place + part + 1, speaker, text, topic)
        for place, (topic, question, answer) in enumerate(said)
        for part, (speaker, text) in enumerate(((INTERVIEWER, question), (SUBJECT, answer)))
    )


def _years(between: tuple[int, int], random: np.random.Generator) -> str:
    low, high = between
    return f"{random.integers(low, high + 1)} years old"
