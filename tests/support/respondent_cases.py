"""People with words of their own, taken into a store; and every file of a folder searched for them."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from core.respondents.consent import SCOPES, Viewer
from core.services.people.importing import ImportRequest, import_people
from core.store import Store

STEWARD = Viewer("warden", "steward")
OPEN = Viewer("visitor", "open")


def words_of(number: int) -> str:
    """What only this person says, longer than what anybody may say."""
    own = "".join("abcdefghij"[int(digit)] for digit in f"{number:05d}")
    return f"My zeppelin {own} sailed over the orchards of {own[::-1]} at dawn. It's \"mine\", isn't it?"


def turns_file(folder: Path, people: int) -> Path:
    path = folder / "turns.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["person", "speaker", "text", "topic"])
        for number in range(people):
            table.writerow([f"worker {number}", "interviewer", "What do you remember of that spring?", "life"])
            table.writerow([f"worker {number}", "subject", words_of(number), "life"])
    return path


def answers_folder(folder: Path, people: int) -> Path:
    """`people` answer two questions; sex and town are known, and few live in the mountains."""
    path = folder / "answers"
    path.mkdir()
    ids = [f"w{number}" for number in range(people)]
    first = pd.DataFrame(
        {"q1": [1 + number % 3 for number in range(people)], "q2": [1 + number % 2 for number in range(people)]},
        index=pd.Index(ids, name="id"),
    )
    first.to_csv(path / "answers_first.csv")
    first.head(people // 2).to_csv(path / "answers_again.csv")
    pd.DataFrame(
        {
            "item_id": ["q1", "q2"],
            "wording": ["How often?", "Yes or no?"],
            "options": ["never|sometimes|often", "yes|no"],
        }
    ).to_csv(path / "items.csv", index=False)
    pd.DataFrame(
        {
            "id": ids,
            "sex": ["woman" if number % 2 else "man" for number in range(people)],
            "town": ["mountains" if number < 5 else "coast" for number in range(people)],
        }
    ).to_csv(path / "people.csv", index=False)
    return path


def taken_in(store: Store, path: Path, layout: str = "turns", **more: object) -> list[str]:
    """The ids of people of a file, who agreed to everything."""
    request = ImportRequest(path, layout, basis="signed form", scope=tuple(SCOPES), **more)  # type: ignore[arg-type]
    return [person.subject for person in import_people(store, request, STEWARD).people]


def traces(folder: Path, words: str) -> list[str]:
    """The files under a folder in whose bytes the words stand, plain or as JSON writes them."""
    needles = [part.encode() for part in (words, words[:40], words[10:35])]
    return [
        path.name
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]
