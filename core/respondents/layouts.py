"""Layouts in which interviews and answers come: each a function from a path to people. Nothing is stored here."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.errors import InputError, nearest, one_of
from core.inputs.files import decoded
from core.respondents.interviews import (
    CLOSED,
    INTERVIEWER,
    ITEM_KINDS,
    NUMBER,
    OPEN_TEXT,
    SUBJECT,
    Answer,
    Item,
    Person,
    rendered_turns,
    turns_of,
)

#: Words that files use for the two who speak.
_ASKS = frozenset(["interviewer", "i", "q", "question", "assistant", "moderator", "int", "researcher", "system"])
_SAYS = frozenset(
    ["subject", "participant", "respondent", "interviewee", "p", "r", "a", "answer", "user", "person", "human", "s"]
)
_MARK = re.compile(
    r"^\s*(?:\*\*)?([A-Za-z][\w .'-]{0,40}?)(?:\*\*)?\s*(?:\(\d[\d:.]*\)|\[\d[\d:.]*\])?\s*:(?:\*\*)?\s*(.*)$"
)
MOST_PEOPLE = 20_000
#: Bytes of a file.
LARGEST_FILE = 300_000_000


@dataclass(frozen=True)
class Read:
    """What a file holds: its people, and the questions that they answered."""

    people: tuple[Person, ...]
    items: tuple[Item, ...] = ()


def read_people(path: Path, layout: str, items: Path | None = None, people: Path | None = None) -> Read:
    """The people of a file or folder in this layout, with attributes from the table `people` where one is given.

    InputError for an unknown layout, and for a file that is not in it, by line or row.
    """
    name = one_of(layout, LAYOUTS, what="layout", where="--layout")
    if not path.exists():
        raise InputError("there is no such file", where=str(path), allowed="a file or folder of interviews")
    found = LAYOUTS[name](path, items)
    if not found.people:
        raise InputError("holds nobody", where=str(path), allowed=f"interviews in the layout {name}")
    if len(found.people) > MOST_PEOPLE:
        raise InputError(f"holds {len(found.people):,} people", where=str(path), allowed=f"{MOST_PEOPLE:,} at most")
    if people is not None:
        known = _attributes(people)
        found = replace(
            found, people=tuple(replace(item, attributes=known.get(item.source_id, {})) for item in found.people)
        )
    return found


def _genagents(path: Path, items: Path | None) -> Read:
    """Folders with `memory_stream/nodes.json` or `nodes.json` (a person each), whose content is a question and its answer."""
    files = [path] if path.is_file() else sorted(path.rglob("nodes.json"))
    people = []
    for file in files:
        nodes = _json(_text(file), str(file))
        if not isinstance(nodes, list):
            raise InputError("is no list of nodes", where=str(file), allowed="nodes.json of a memory stream")
        contents = []
        for number, node in enumerate(_ordered(nodes, str(file)), start=1):
            if node.get("node_type", "observation") != "observation":
                continue
            content = node.get("content")
            if not isinstance(content, str):
                raise InputError("has no content", where=f"{file}, node {number}", allowed="content: text")
            contents.append(content)
        # The marks of one node may be understood by another's.
        said = _marked("\n".join(contents)) or [(SUBJECT, content) for content in contents]
        folder = file.parent.parent if file.parent.name == "memory_stream" else file.parent
        scratch = folder / "scratch.json"
        raw = _json(_text(scratch), str(scratch)) if scratch.is_file() else {}
        kept = {
            str(name): str(value)
            for name, value in (raw.items() if isinstance(raw, dict) else ())
            if isinstance(value, str | int | float) and not {"name"} & set(str(name).lower().split("_"))
        }
        people.append(Person(folder.name, turns_of(said, str(file)), attributes=kept))
    return Read(tuple(people))


def _ordered(nodes: Sequence[Any], where: str) -> list[dict[str, Any]]:
    if not all(isinstance(node, dict) for node in nodes):
        raise InputError("holds something that is no node", where=where, allowed="objects with node_id and content")
    return sorted(
        nodes, key=lambda node: (float(node.get("created") or 0), float(node.get("node_id") or 0))
    )  # as the stream was lived


def _turns_csv(path: Path, items: Path | None) -> Read:
    """A row for each turn: person (or interview, respondent, id), speaker, text; perhaps position, topic, question_id, said_at,
    seconds."""
    rows, columns = _rows(path)
    who = _column(columns, ("person", "subject", "respondent", "participant", "interview", "id"), path)
    speaker = _column(columns, ("speaker", "role"), path)
    text = _column(columns, ("text", "content", "utterance", "message"), path)
    said: dict[str, list[tuple[float, int, dict[str, str]]]] = {}
    for number, row in rows:
        place = row.get("position") or ""
        if place and not re.fullmatch(r"\d{1,9}(?:\.0)?", place):
            raise InputError(f"position is '{place}'", where=f"{path.name}, row {number}", allowed="a number from 1")
        said.setdefault(row[who], []).append((float(place or number), number, row))
    people = []
    for name, turns in said.items():
        turns.sort(key=lambda item: item[:2])
        made = turns_of(
            [(_speaker(row[speaker], f"{path.name}, row {number}"), row[text] or " ") for _, number, row in turns],
            f"{path.name}, {who} {name}",
        )
        kept = [(number, row) for _, number, row in turns if (row[text] or "").strip()]
        if len(kept) == len(made):
            made = tuple(
                replace(
                    turn,
                    topic=row.get("topic") or None,
                    question_id=row.get("question_id") or None,
                    said_at=_time(row.get("said_at"), f"{path.name}, row {number}"),
                    seconds=_number(row.get("seconds"), f"{path.name}, row {number}"),
                )
                for turn, (number, row) in zip(made, kept, strict=True)
            )
        people.append(Person(name, made))
    return Read(tuple(people))


def _chat_jsonl(path: Path, items: Path | None) -> Read:
    """A conversation to a line: {"id": …, "messages": [{"role": …, "content": …}]}; or a message to a line, with "id"."""
    said: dict[str, list[tuple[str, str]]] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path.name}, line {number}"
        raw = _json(line, where)
        if not isinstance(raw, dict):
            raise InputError("is no object", where=where, allowed='{"messages": [{"role": …, "content": …}]}')
        named = next((str(raw[key]) for key in ("id", "conversation_id", "conversation", "user_id") if key in raw), "")
        messages = raw.get("messages", [raw] if "role" in raw else None)
        if not isinstance(messages, list) or not all(isinstance(item, dict) for item in messages):
            raise InputError("has no messages", where=where, allowed='{"messages": [{"role": …, "content": …}]}')
        turns = said.setdefault(named or f"line {number}", [])
        for message in messages:
            role, content = message.get("role"), message.get("content")
            if isinstance(content, list):
                content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
            if not isinstance(role, str) or not isinstance(content, str):
                raise InputError("a message lacks role or content", where=where, allowed="text for both")
            if role.lower() not in ("system", "developer", "tool"):
                turns.append((_speaker(role, where), content))
    return Read(tuple(Person(name, turns_of(turns, f"{path.name}, {name}")) for name, turns in said.items() if turns))


def _plain_text(path: Path, items: Path | None) -> Read:
    """A text file for each person, or a folder of them: lines that begin with "Interviewer:", "Q:", "Participant:", "A:" or
    the name of one of the two who speak (the first is taken to ask)."""
    files = [path] if path.is_file() else sorted(path.glob("*.txt"))
    people = []
    for file in files:
        said = _marked(_text(file))
        if not said:
            raise InputError("has no speaker marks", where=file.name, allowed="lines such as 'Q: …' and 'A: …'")
        people.append(Person(file.stem, turns_of(said, file.name)))
    return Read(tuple(people))


def _answers(path: Path, items: Path | None) -> Read:
    """A row for each person (`id` or the first column), a column for each question: codes or words. A folder holds
    `answers_first`, perhaps `answers_again`, `items` and `people` (CSV or Parquet)."""
    if path.is_dir():
        first = _in_folder(path, "answers_first")
        if first is None:
            raise InputError("has no answers_first", where=str(path), allowed="answers_first.csv or .parquet")
        again, items, people = (
            _in_folder(path, "answers_again"), items or _in_folder(path, "items"), _in_folder(path, "people")
        )  # fmt: skip
    else:
        first, again, people = path, None, None
    tables = [_matrix(file) for file in (first, again) if file is not None]
    known = {item.item_id: item for item in (() if items is None else _items(items))}
    columns = list(dict.fromkeys(name for table in tables for name in table.columns))
    for name in columns:
        known.setdefault(name, _item_of(name, [table[name] for table in tables if name in table]))
    attributes = {} if people is None else _attributes(people)
    made = []
    kept = [{str(key): row for key, row in table.iterrows()} for table in tables]
    for name in dict.fromkeys(key for rows in kept for key in rows):
        answers = tuple(
            answer
            for occasion, rows in enumerate(kept, start=1)
            if name in rows
            for answer in _answers_of(rows[name], known, occasion)
        )
        turns = rendered_turns(answers, known)
        made.append(Person(name, turns, answers, attributes.get(name, {}), rendered=True))
    return Read(tuple(made), tuple(known[name] for name in columns))


def _answers_of(row: pd.Series, known: Mapping[str, Item], occasion: int) -> Iterator[Answer]:
    for name, value in row.items():
        if pd.isna(value):
            continue
        item = known[str(name)]
        if item.kind == OPEN_TEXT:
            yield Answer(item.item_id, occasion, text=str(value))
            continue
        if isinstance(value, str) and value in item.options:
            value = item.options.index(value) + 1
        try:
            code = float(value)
        except ValueError:
            raise InputError(
                f"'{value}' is no answer", where=f"question {name}", allowed="a code, or an option's words",
                nearest=nearest(str(value), item.options),
            ) from None  # fmt: skip
        yield Answer(item.item_id, occasion, code)


def _item_of(name: str, columns: Sequence[pd.Series]) -> Item:
    """A question of which nothing but its column is known: few numbers are codes, words are open."""
    values = pd.concat(columns).dropna()
    numeric = pd.to_numeric(values, errors="coerce")
    if len(values) and numeric.notna().all():
        whole = bool(np.all(np.mod(numeric, 1) == 0))
        return Item(name, name, kind=CLOSED if whole and numeric.nunique() <= 11 else NUMBER)
    few = sorted({str(value) for value in values})
    if 0 < len(few) <= 11 and len(values) > 2 * len(few):
        return Item(name, name, tuple(few))
    return Item(name, name, kind=OPEN_TEXT)


def _items(path: Path) -> list[Item]:
    """Questions in a table: item_id (or item_ID, id), wording (item_text), options split by bars, kind, instrument (survey)."""
    table = _frame(path)
    names = {str(name).lower(): str(name) for name in table.columns}
    key = next((names[name] for name in ("item_id", "id", "item") if name in names), None)
    if key is None:
        raise InputError(
            "has no column item_id", where=path.name, allowed="item_id, wording, options, instrument, kind"
        )

    def text(row: Mapping[Any, Any], *among: str) -> str:
        value = next((row[names[name]] for name in among if name in names), "")
        return "" if pd.isna(value) else str(value)

    found = []
    for row in table.to_dict("records"):
        options = tuple(part.strip() for part in text(row, "options").split("|") if part.strip())
        kind = text(row, "kind") or (CLOSED if options else NUMBER)
        kind = kind if kind in ITEM_KINDS else {"free": OPEN_TEXT, "text": OPEN_TEXT}.get(kind, CLOSED)
        found.append(
            Item(
                str(row[key]),
                text(row, "wording", "item_text", "text") or str(row[key]),
                options,
                kind,
                text(row, "instrument", "survey"),
                text(row, "construct"),
                text(row, "reverse").lower() in ("true", "1", "yes"),
            )
        )
    return found


def _attributes(path: Path) -> dict[str, dict[str, str]]:
    table = _matrix(path)
    return {
        str(name): {str(key): str(value) for key, value in row.items() if not pd.isna(value)}
        for name, row in table.iterrows()
    }


def _matrix(path: Path) -> pd.DataFrame:
    """A table by its column `id` (or pid, worker, person, subject), else by its index where it has one, else its first column."""
    table = _frame(path)
    named = next(
        (name for name in table.columns if str(name).lower() in ("id", "pid", "worker", "person", "subject")), None
    )
    if named is None and table.index.name is None and isinstance(table.index, pd.RangeIndex):
        named = table.columns[0]
    table = table if named is None else table.set_index(named)
    table.index = table.index.map(str)
    if table.index.duplicated().any():
        twice = table.index[table.index.duplicated()][0]
        raise InputError("a person has two rows", where=f"{path.name}, {twice}", allowed="a row each")
    return table.rename(columns=str)


def _frame(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError("there is no such file", where=str(path), allowed="a CSV or Parquet file")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pd.read_parquet(path)
        return pd.read_csv(io.StringIO(_text(path)))
    except (ValueError, OSError) as wrong:
        raise InputError(f"cannot be read ({wrong})", where=path.name, allowed="a CSV or Parquet file") from None


def _in_folder(path: Path, stem: str) -> Path | None:
    return next((path / f"{stem}{end}" for end in (".csv", ".parquet") if (path / f"{stem}{end}").is_file()), None)


def _marked(text: str) -> list[tuple[str, str]]:
    """Turns of a text with speaker marks; empty where it has none."""
    marks: list[tuple[str, list[str]]] = []
    lines = text.splitlines()
    named = [found[1].strip().lower() for line in lines if (found := _MARK.match(line))]
    known = [name for name in dict.fromkeys(named) if name in _ASKS | _SAYS]
    others = [name for name in dict.fromkeys(named) if name not in _ASKS | _SAYS and named.count(name) > 1]
    roles = {name: INTERVIEWER if name in _ASKS else SUBJECT for name in known}
    if INTERVIEWER not in roles.values() and not known:
        roles |= {name: INTERVIEWER if place == 0 else SUBJECT for place, name in enumerate(others[:2])}
    elif len(set(roles.values())) == 1 and len(dict.fromkeys(named)) == 2:
        left = next(name for name in dict.fromkeys(named) if name not in roles)
        roles[left] = SUBJECT if INTERVIEWER in roles.values() else INTERVIEWER
    for line in lines:
        found = _MARK.match(line)
        role = roles.get(found[1].strip().lower()) if found else None
        if found and role:
            marks.append((role, [found[2]]))
        elif marks:
            marks[-1][1].append(line)
    return [(role, "\n".join(parts).strip()) for role, parts in marks]


def _speaker(word: str, where: str) -> str:
    name = word.strip().lower()
    if name in _ASKS:
        return INTERVIEWER
    if name in _SAYS:
        return SUBJECT
    return one_of(name, sorted(_ASKS | _SAYS), what="speaker", where=where)


def _rows(path: Path) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        rows = [(reader.line_num, dict(zip(header, row, strict=False))) for row in reader if any(row)]
    except csv.Error as wrong:
        raise InputError(f"cannot be read ({wrong})", where=path.name, allowed="a CSV file with a header") from None
    short = next((number for number, row in rows if len(row) < len(header)), None)
    if short is not None:
        raise InputError("has fewer cells than the header", where=f"{path.name}, row {short}")
    return rows, header


def _column(columns: Sequence[str], among: Sequence[str], path: Path) -> str:
    found = next((name for name in among if name in columns), None)
    if found is None:
        raise InputError(f"has no column {among[0]}", where=path.name, allowed=" or ".join(among))
    return found


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError("is too large", where=path.name, allowed=f"{LARGEST_FILE / 1e6:.0f} MB at most")
        return decoded(path.read_bytes(), path.name)
    except OSError as wrong:
        raise InputError(f"cannot be read ({wrong.strerror})", where=path.name, allowed="a file") from None


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise InputError(f"is not JSON ({wrong})", where=where) from None


def _time(text: str | None, where: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        raise InputError(f"said_at is '{text}'", where=where, allowed="a time such as 2030-05-01T10:15") from None


def _number(text: str | None, where: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(f"seconds is '{text}'", where=where, allowed="a number") from None


LAYOUTS: Mapping[str, Callable[[Path, Path | None], Read]] = {
    "nodes": _genagents,
    "turns": _turns_csv,
    "chat": _chat_jsonl,
    "answers": _answers,
    "text": _plain_text,
}
