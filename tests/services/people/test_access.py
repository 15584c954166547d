"""One function lets people's words be used, by tier, scope and time, and writes down who did; what it refuses too."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from respondent_cases import OPEN, STEWARD, answers_folder, taken_in, turns_file, words_of

from core.cli import main
from core.errors import InputError, StoreError
from core.respondents.consent import ACTIONS, SCOPES, TIERS, Viewer
from core.services.people.access import AccessRefused, allow, page_viewer
from core.services.people.audit import now
from core.services.people.consents import approve, grant_consent
from core.services.people.exporting import export_people
from core.services.people.importing import ImportRequest, import_fictional, import_people
from core.services.people.reading import (
    access_log,
    check_log,
    list_people,
    read_answers,
    shares,
    show_person,
    transcripts,
)
from core.store import Store
from core.store.copying import CopiedTable
from core.store.respondents import RespondentTables
from core.store.salvage import settle_losses

REVIEWED = Viewer("ada", "reviewed", "thesis on masks")


@pytest.fixture
def bank(tmp_path: Path) -> tuple[Store, list[str]]:
    store = Store.memory()
    return store, taken_in(store, answers_folder(tmp_path, 40), "answers")


def test_every_action_needs_its_tier_also_with_nobody_named(bank: tuple[Store, list[str]]) -> None:
    store, (first, *_) = bank
    approve(store, STEWARD, REVIEWED.name, REVIEWED.purpose, date(2100, 1, 1))
    for action, rule in ACTIONS.items():
        for viewer in (OPEN, REVIEWED, STEWARD):
            for ids in ([first], [], None):
                if viewer.rank >= TIERS.index(rule.tier):
                    assert allow(store, viewer, action, ids).subject_ids is not None
                else:
                    with pytest.raises(AccessRefused, match="needs tier"):
                        allow(store, viewer, action, ids)


def test_a_reviewed_viewer_is_approved_for_one_purpose_and_a_time(bank: tuple[Store, list[str]]) -> None:
    store, (first, *_) = bank
    with pytest.raises(AccessRefused, match="'ada' is not approved"):
        read_answers(store, REVIEWED, [first])
    approve(store, STEWARD, "ada", REVIEWED.purpose, date(2100, 1, 1))
    assert len(read_answers(store, REVIEWED, [first]).answers) == 4
    with pytest.raises(AccessRefused, match="another purpose"):
        read_answers(store, Viewer("ada", "reviewed", "curiosity"), [first])
    approve(store, STEWARD, "ada", REVIEWED.purpose, date.today() - timedelta(days=2))
    with pytest.raises(AccessRefused, match="ended on"):
        read_answers(store, REVIEWED, [first])


def test_scope_tier_time_and_death_are_held_to(bank: tuple[Store, list[str]]) -> None:
    store, (first, second, *_) = bank
    approve(store, STEWARD, "ada", REVIEWED.purpose, date(2100, 1, 1))
    all_but = [name for name in SCOPES if name != "individual"]

    def agreed(*, scope: list[str] = list(SCOPES), tier: str = "reviewed", **more: object) -> Callable[[], object]:  # noqa: B006
        grant_consent(store, STEWARD, first, scope, tier, "form 3", **more)  # type: ignore[arg-type]
        return lambda: read_answers(store, REVIEWED, [first])

    for words, read in (
        ("did not agree to 'individual'", lambda: agreed(scope=all_but)),
        ("agreed to tier steward alone", lambda: agreed(tier="steward")),
        ("no consent that holds today", lambda: agreed(until=date.today() - timedelta(days=1))),
        ("has died", lambda: agreed(deceased=True)),
    ):
        with pytest.raises(AccessRefused, match=words):
            read()()
        # Of all, the one who is left out is left out quietly.
        assert first not in {item.subject for item in read_answers(store, REVIEWED).answers}
    assert agreed(second_basis="her heirs agreed")()
    # Steward or not, what was not agreed to is not exported.
    agreed(scope=["aggregate"], second_basis="her heirs agreed")
    with pytest.raises(AccessRefused, match="did not agree to 'export'"):
        export_people(store, STEWARD, Path("nowhere"), [first, second])


def test_a_person_who_may_not_be_seen_is_as_one_who_is_not_there(
    bank: tuple[Store, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, (first, *_) = bank
    visitor = page_viewer(opened_from_here=False)
    assert (visitor.tier, visitor.real) == ("open", False)
    assert list_people(store, visitor).total == 0 and list_people(store, OPEN).total == 40
    assert all(cell.people is None for cell in shares(store, visitor, "q1").cells)
    messages = set()
    for name in (first, "subject-0000000000000000"):
        with pytest.raises(AccessRefused) as refused:
            allow(store, Viewer("visitor", "reviewed", real=False), "answers", [name])
        messages.add(str(refused.value).replace(name, "…"))
    assert len(messages) == 1
    monkeypatch.setenv("POLICYTWIN_RESPONDENTS", "open")
    assert list_people(store, page_viewer(opened_from_here=False)).total == 40


def test_people_are_not_read_by_another_way(bank: tuple[Store, list[str]]) -> None:
    store, (first, *_) = bank
    for table in ("turns", "answers", "subjects", "audit_log", "consents"):
        with pytest.raises(InputError, match="holds what people said"):
            store.read(table)
        with pytest.raises(InputError, match="holds what people said"):
            store.delete(table, subject_id=first)
    with pytest.raises(InputError, match="unknown action 'count'"):
        transcripts(allow(store, OPEN, "count"))
    store.refuse_writes()
    # No use without a row in the log.
    with pytest.raises(StoreError, match="reading only"):
        show_person(store, STEWARD, first)


def test_small_cells_and_differences_are_not_told(tmp_path: Path) -> None:
    with Store.memory() as store:
        taken_in(store, answers_folder(tmp_path, 60), "answers")
        by_town = shares(store, OPEN, "q2", by="town")
        assert {cell.group: cell.people for cell in by_town.cells} == {"coast": None, "mountains": None}
        assert shares(store, OPEN, "q2").cells[0].people == 60
        # Invented people are never counted with real ones.
        import_fictional(store, STEWARD)
        assert shares(store, OPEN, "q2").cells[0].people == 60 and shares(store, OPEN, "q2").people_kind == "real"
        assert shares(store, OPEN, "trust_1").people_kind == "fictional"
        assert shares(store, OPEN, "trust_1", kind="real").cells == ()
        with pytest.raises(AccessRefused, match="fewer than ten"):
            shares(store, OPEN, "q2", where={"town": "coast"})
        # Another question's answers are another matter; a steward, who may read each, is not held to it.
        assert shares(store, OPEN, "q1", where={"town": "coast"}).cells[0].people == 55
        assert shares(store, STEWARD, "q2", where={"town": "coast"}).cells[0].people == 55
        # Which answers a small group gave is not said either.
        few = shares(store, OPEN, "q1", where={"town": "mountains", "sex": "woman"})
        assert few.options == ("never", "sometimes", "often") and few.cells[0].counts is few.cells[0].people is None
        with pytest.raises(InputError, match="Nearest valid: town"):
            shares(store, OPEN, "q1", by="twon")


def test_fuzzed_queries_tell_of_nobody(tmp_path: Path) -> None:
    """Random questions as an open viewer: no count under ten, none that is not rounded, no words, no pair that differs by few."""
    random = np.random.default_rng(5)
    with Store.memory() as store:
        taken_in(store, answers_folder(tmp_path, 70), "answers")
        sex, town = ["man", "woman"], ["mountains", "coast", "'; DROP TABLE answers; --"]
        told = refused = 0
        for _ in range(25):
            where = {}
            if random.uniform() < 0.5:
                where["sex"] = str(random.choice(sex))
            if random.uniform() < 0.5:
                where["town"] = str(random.choice(town))
            by = random.choice(["sex", "town", None])  # type: ignore[arg-type]
            try:
                found = shares(store, OPEN, str(random.choice(["q1", "q2"])), by=by, where=where)
            except InputError:
                refused += 1
                continue
            told += 1
            counts = [
                count for cell in found.cells for count in (cell.people, *(cell.counts or ())) if count is not None
            ]
            assert all(count == 0 or (count >= 10 and count % 5 == 0) for count in counts)
        groups = [set(row) for row in RespondentTables(store).read("released_groups", item_id="q1")["members"]]
        assert told and refused
        assert all(not 0 < len(one ^ other) < 10 for one in groups for other in groups)
        outcomes = Counter(item.outcome == "granted" for item in access_log(store, STEWARD).entries)
        assert outcomes[False] and check_log(store).sound


def test_the_log_shows_each_what_is_about_them_and_finds_what_was_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = tmp_path / "s.duckdb"
    with Store(db) as store:
        report = import_people(
            store, ImportRequest(turns_file(tmp_path, 2), "turns", basis="form", scope=("export",)), STEWARD
        )
        one, other = report.people
        show_person(store, STEWARD, one.subject)
        export_people(store, Viewer("eve", "steward", "a course"), tmp_path / "out")
        participant = Viewer("anybody", "open")
        own = access_log(store, participant, one.subject, one.code)
        # import names nobody: the person was not there yet
        assert [(item.viewer, item.action, item.purpose) for item in own.entries] == [
            ("warden", "transcript", ""),
            ("eve", "export", "a course"),
            ("participant", "access-log", ""),
        ]
        for code in (other.code, "", one.code[:-1], None):
            with pytest.raises(AccessRefused):
                access_log(store, participant, one.subject, code)
        whole = check_log(store)
        assert whole.sound and check_log(store, whole.last_hash).sound
    assert main(["access-log", "verify", "--db", str(db), "--last", whole.last_hash]) == 0
    changes = {
        "UPDATE audit_log SET viewer = 'mallory' WHERE sequence = 3": (3, "hash"),
        "DELETE FROM audit_log WHERE sequence = 2": (2, "order"),
        f"DELETE FROM audit_subjects WHERE sequence = 3 AND subject_id = '{one.subject}'": (3, "subjects"),
        "DELETE FROM audit_log WHERE sequence > 2": (3, "subjects"),
    }
    for change, (row, problem) in changes.items():
        with Store(db) as store:
            tables = RespondentTables(store)
            try:
                with tables.transaction() as cursor:
                    cursor.execute(change)
                    found = check_log(store)
                    assert (found.first_broken, found.problem) == (row, problem), change
                    raise KeyError
            except KeyError:
                pass
    capsys.readouterr()
    assert main(["access-log", "verify", "--db", str(db), "--last", "ab" * 32, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["problem"] == "anchor"


def test_where_a_consent_was_lost_with_a_damaged_block_none_holds(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    with Store(db) as store:
        (name,) = taken_in(store, turns_file(tmp_path, 1))
        grant_consent(store, STEWARD, name, [], "steward", "narrowed by phone")
    with duckdb.connect(str(db)) as raw:
        # The later, narrower consent could not be read.
        raw.execute("DELETE FROM consents WHERE version = 2")
        lost = settle_losses(
            raw, raw, [CopiedTable("consents", 2, 1, ((1, 2),)), CopiedTable("turns", 2, 1, ((1, 2),))], str(db)
        )
        assert lost.gone == ("all consents",)
    with Store(db) as store:
        with pytest.raises(AccessRefused, match="no consent that holds"):
            export_people(store, STEWARD, tmp_path / "out", [name])
        assert show_person(store, STEWARD, name).interviews[0].turns


def test_text_of_people_stays_text(tmp_path: Path) -> None:
    """What somebody says is never SQL, and a spreadsheet finds no formula in an export."""
    path = tmp_path / "t.csv"
    path.write_text(
        'person,speaker,text\na,subject,"=HYPERLINK(""http://x"") \'); DELETE FROM subjects; --"\n', encoding="utf-8"
    )
    with Store(tmp_path / "s.duckdb") as store:
        (name,) = taken_in(store, path)
        assert show_person(store, STEWARD, name).interviews[0].turns[0].text.startswith("=HYPERLINK(")
        with pytest.raises(AccessRefused):
            show_person(store, STEWARD, "x' OR '1'='1")
        done = export_people(store, STEWARD, tmp_path / "out")
        assert done.people == 1 and words_of(1) not in (tmp_path / "out" / "answers.csv").read_text()
        line = json.loads((tmp_path / "out" / "interviews.jsonl").read_text())
        assert line["canary"] == done.canary and line["log_hash"] == done.log_hash and not line["synthetic"]
    assert now().tzinfo is None
