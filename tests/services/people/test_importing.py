"""Interviews and answers are taken in redacted, in five layouts, with consent, or shown and not stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from respondent_cases import STEWARD, answers_folder, taken_in, turns_file

from core.cli import main
from core.errors import InputError
from core.respondents.layouts import read_people
from core.services.people.importing import ImportRequest, import_people, preview_import
from core.services.people.reading import list_people, show_person
from core.store import Store
from core.store.respondents import RespondentTables

SAID = [("interviewer", "Where do you live?"), ("subject", "In a mill.\nBy the river."), ("subject", "Since 2019.")]


def write(folder: Path, layout: str) -> Path:
    """The same interview in each layout that holds interviews."""
    if layout == "nodes":
        path = folder / "a1" / "memory_stream" / "nodes.json"
        path.parent.mkdir(parents=True)
        node = {"node_id": 0, "node_type": "observation", "created": 1, "importance": 70, "last_retrieved": 1}
        content = "Interviewer: Where do you live?\n\nAnna: In a mill.\nBy the river."
        later = {**node, "node_id": 1, "created": 2, "content": "Anna: Since 2019."}
        reflection = {**node, "node_id": 2, "node_type": "reflection", "content": "She likes mills."}
        path.write_text(json.dumps([later, {**node, "content": content}, reflection]), encoding="utf-8")
        (folder / "a1" / "scratch.json").write_text('{"first_name": "Anna", "age": 41}', encoding="utf-8")
        return folder
    if layout == "turns":
        path = folder / "t.csv"
        rows = "\n".join(
            f'a1,{speaker},"{text}",{place}' for place, (speaker, text) in reversed(list(enumerate(SAID, 1)))
        )
        path.write_text(f"respondent,role,text,position\n{rows}\n", encoding="utf-8")
    elif layout == "chat":
        path = folder / "c.jsonl"
        roles = {"interviewer": "assistant", "subject": "user"}
        messages = [{"role": roles[speaker], "content": text} for speaker, text in SAID]
        path.write_text(json.dumps({"id": "a1", "messages": [{"role": "system", "content": "x"}, *messages]}) + "\n\n")
    else:
        path = folder / "a1.txt"
        path.write_text(
            "Notes\nQ: Where do you live?\nA: In a mill.\nBy the river.\nA (00:12): Since 2019.\n", encoding="utf-8"
        )
    return path


@pytest.mark.parametrize("layout", ["nodes", "turns", "chat", "text"])
def test_each_layout_gives_the_same_turns(tmp_path: Path, layout: str) -> None:
    (person,) = read_people(write(tmp_path, layout), layout).people
    assert [(turn.position, turn.speaker, turn.text) for turn in person.turns] == [
        (place, *said) for place, said in enumerate(SAID, 1)
    ]
    assert dict(person.attributes) == ({"age": "41"} if layout == "nodes" else {})


def test_answers_become_codes_and_an_interview_read_out(tmp_path: Path) -> None:
    with Store.memory() as store:
        ids = taken_in(store, answers_folder(tmp_path, 12), "answers", kind="rendered")
        shown = show_person(store, STEWARD, ids[0])
    assert shown.person.kind == "rendered" and shown.attributes == {"sex": "man", "town": "mountains"}
    assert [turn.text for turn in shown.interviews[0].turns] == ["How often?", "never", "Yes or no?", "yes"]
    assert {(item.item, item.occasion, item.text) for item in shown.answers} == {
        (name, occasion, text) for name, text in (("q1", "never"), ("q2", "yes")) for occasion in (1, 2)
    }


def test_a_preview_stores_nothing_and_an_import_no_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, roster, db = tmp_path / "t.csv", tmp_path / "names.txt", tmp_path / "bank" / "s.duckdb"
    path.write_text(
        'person,speaker,text\nAnna Keller,subject,"I am Anna Keller of anna@x.org; \'; DROP TABLE turns; -- <b>"\n',
        encoding="utf-8",
    )
    roster.write_text("Anna Keller\n", encoding="utf-8")
    words = [
        "respondents",
        "import",
        str(path),
        "--layout",
        "turns",
        "--basis",
        "form",
        "--roster",
        str(roster),
        "--db",
        str(db),
    ]
    assert main([*words, "--preview", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["preview"] and shown["people"][0]["shown"][0]["text"].startswith("I am [NAME 1] of [EMAIL 1]; '; DROP")
    assert not db.exists()
    assert main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["redactions"] == {"EMAIL": 1, "NAME": 1} and len(report["people"][0]["code"]) >= 16
    assert main(words) == 2
    assert "in the bank already" in capsys.readouterr().err
    assert db.stat().st_mode & 0o077 == 0
    with Store(db) as store:
        assert (
            "DROP TABLE turns; -- <b>"
            in show_person(store, STEWARD, report["people"][0]["subject"]).interviews[0].turns[0].text
        )
        code = report["people"][0]["code"]
        for name in store.tables:
            text = RespondentTables(store).read_arrow(name, unfinished=True).to_pandas().to_csv()
            assert "Anna" not in text and "anna@" not in text and code not in text, name


def test_real_people_need_a_ground_and_a_file_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no consent is named"):
        ImportRequest(turns_file(tmp_path, 1), "turns")
    with pytest.raises(InputError, match="Nearest valid: turns"):
        preview_import(ImportRequest(turns_file(tmp_path, 1), "turn", basis="form"))
    bad = tmp_path / "bad.csv"
    bad.write_text("person,speaker,text\na,judge,hello\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad.csv, row 2: unknown speaker 'judge'"):
        preview_import(ImportRequest(bad, "turns", basis="form"))


def test_all_of_a_file_come_in_or_none(tmp_path: Path) -> None:
    request = ImportRequest(turns_file(tmp_path, 3), "turns", basis="form")
    with Store.memory() as store:
        import_people(store, request, STEWARD)
        again = tmp_path / "again"
        again.mkdir()
        more = turns_file(again, 5)
        lines = more.read_text(encoding="utf-8").splitlines()
        more.write_text("\n".join([lines[0], *lines[-4:], *lines[1:3]]) + "\n", encoding="utf-8")
        with pytest.raises(InputError, match="person 3: is in the bank already"):
            import_people(store, ImportRequest(more, "turns", basis="form"), STEWARD)
        assert list_people(store, STEWARD).total == 3
