"""An interview by a script, without a model: follow-ups by rules, nothing lost, redacted, stopped when asked."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from respondent_cases import OPEN, STEWARD

from core.cli import main
from core.errors import InputError
from core.respondents.interviews import INTERVIEWER, SUBJECT, Turn
from core.respondents.scripts import MOST_FOLLOW_UPS, available_scripts, load_script, next_turn
from core.services.people.access import AccessRefused
from core.services.people.consents import show_consent
from core.services.people.interviewing import interview_session, open_sessions, reply, start_interview
from core.services.people.reading import list_people, show_person
from core.services.people.withdrawing import withdraw
from core.store import Store

LONG = "In the spring of 2030 my sister and I walked to the harbour every morning, and we talked about the ships."


def test_two_scripts_ship_and_sensitive_topics_are_off() -> None:
    assert available_scripts() == ("life-story", "policy-response")
    story = load_script("life-story")
    assert "health" not in {item.topic for item in story.questions}
    assert len({item.topic for item in load_script("life-story", sensitive=True).questions}) == 12
    with pytest.raises(InputError, match="Nearest valid: life-story"):
        load_script("life-storey")


def test_follow_ups_are_chosen_by_rules_and_end(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        'id="s"\ntitle="S"\nwelcome="Hello."\nthanks="Bye."\nhelp="Help."\nstop=["stop"]\nskip=["skip"]\n'
        'distress=["want to die"]\n'
        '[[topics]]\ntopic="a"\nquestions=[{id="q1",text="One?",needs=["time","place"]},{id="q2",text="Two?",at_least=0}]\n'
        '[[topics]]\ntopic="b"\nquestions=[{id="q3",text="Three?"}]\n'
    )
    script = load_script(path)

    def asked(*answers: str) -> list[str]:
        turns: list[Turn] = []
        for answer in (*answers, None):
            said = next_turn(script, turns)
            name = said.question.id if said.question else None
            turns.append(Turn(len(turns) + 1, INTERVIEWER, said.text, "t", name))
            if answer is not None:
                turns.append(Turn(len(turns) + 1, SUBJECT, answer, "t", name))
        return [turn.text for turn in turns if turn.speaker == INTERVIEWER]

    assert asked(LONG, "Yes", LONG) == ["Hello. One?", "Two?", "Three?", "Bye."]
    assert asked("A zeppelin.", "In 2019.", "In Karsk.", "more", "x") == [
        "Hello. One?", "When was that?", "Where was that?", "Can you say more about “Karsk”?", "Two?", "Three?",
    ]  # fmt: skip
    assert asked("Zeppelins, mostly", "in spring, in Karsk")[-1] == "Can you say more about “spring”?"
    assert len(asked(*["no"] * 12)) - 1 <= 3 * (MOST_FOLLOW_UPS + 1)
    assert asked("Skip!") == ["Hello. One?", "Two?"]
    assert asked("STOP.") == ["Hello. One?", "Bye."]
    assert asked("I want to die") == ["Hello. One?", "Help. Three?"]


def test_a_session_goes_on_after_a_reload_with_nothing_lost_or_told(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    with Store(db) as store:
        with pytest.raises(InputError, match="says no ground"):
            start_interview(store, STEWARD, "policy-response", ["aggregate"], " ")
        with pytest.raises(AccessRefused):
            start_interview(store, OPEN, "policy-response", ["aggregate"], "form")
        assert list_people(store, STEWARD).total == 0
        begun = start_interview(store, STEWARD, "policy-response", ["aggregate"], "said yes on the screen")
        assert show_consent(store, STEWARD, begun.subject).basis == "said yes on the screen"
        session = reply(
            store, STEWARD, begun.interview, f"I am called Anna Keller, {LONG} Write to anna@x.org; -- DROP TABLE turns"
        )
        assert (
            session.turns[1].text.startswith("I am called [NAME 1], In the spring")
            and "[EMAIL 1]" in session.turns[1].text
        )
        with pytest.raises(InputError, match="says nothing"):
            reply(store, STEWARD, begun.interview, "  ")
    with Store(db) as store:
        again = interview_session(store, STEWARD, begun.interview)
        assert again == session and [item.interview for item in open_sessions(store, STEWARD)] == [begun.interview]
        # Another name than before is another placeholder, though the first name is not known any more.
        later = reply(store, STEWARD, begun.interview, f"Mr Berger came. {LONG}")
        assert later.turns[-2].text.startswith("Mr [NAME 2] came.") and len(later.turns) == len(session.turns) + 2
        done = reply(store, STEWARD, begun.interview, "stop")
        assert done.ended and open_sessions(store, STEWARD) == ()
        with pytest.raises(InputError, match="has ended"):
            reply(store, STEWARD, begun.interview, "more")
        shown = show_person(store, STEWARD, begun.subject).interviews[0]
        assert shown.redactions == {"EMAIL": 1, "NAME": 2} and len(shown.turns) == len(done.turns) == 7
        withdraw(store, OPEN, begun.subject, begun.code)
        assert list_people(store, STEWARD).total == 0


def test_the_command_asks_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    db = str(tmp_path / "s.duckdb")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{LONG}\n\n"))
    assert main(["respondents", "interview", "policy-response", "--simulated", "--db", db, "--json"]) == 0
    out = capsys.readouterr()
    session = json.loads(out.out)
    assert (
        not session["ended"]
        and session["question"] == 2
        and "ordinary weekday" in out.err
        and session["code"] in out.err
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("stop\n"))
    assert main(["respondents", "interview", "--go-on", session["interview"], "--db", db]) == 0
    assert "has ended: 2 answers" in capsys.readouterr().out
