"""What audits say, on results made for the test: a sentence follows from figures and flags, and a report has them all."""

from __future__ import annotations

from dataclasses import replace

from core.cognition.llm.budget import Spent
from core.cognition.llm.canaries import CanaryChange, CanaryComparison
from core.report.document import Table
from core.report.renderers.html import html_text
from core.report.renderers.terminal import terminal_text
from core.report.sentences.confounding import confounding_document
from core.report.sentences.language import failure_table, usage_blocks, warnings_of
from core.report.sentences.persona_audit import persona_audit_document, wording_sentence
from core.result import result_class
from core.services.audits.results import (
    AssociationRow,
    AuditLevel,
    ConfoundingResult,
    DesignVerdict,
    Finding,
    IntervalEstimate,
    PersonaAuditResult,
    WordingChange,
)
from core.services.language.usage import CallsKept, FailedQuestion, RunUsage
from core.study import load_study

STUDY = load_study("meridia")
CLEAR = IntervalEstimate(value=6.0, lower=4.0, upper=8.0)
OPEN = IntervalEstimate(value=1.0, lower=-2.0, upper=4.0)
UNKNOWN = IntervalEstimate(value=1.0, lower=None, upper=None)
LEADING = WordingChange(
    id="hopes", kind="leading", label="<b>staying in</b>", prompts="p", difference=6.0, noise=1.0, excess=CLEAR, shift=CLEAR,
    shifts={"retail": CLEAR}, followed=CLEAR, moves=True,
)  # fmt: skip
CHECKED = PersonaAuditResult(
    study="meridia", fictional=True, engine="openai", model="m", model_ids=("m-1", "m-2"), temperature=1.0, of_run="run-1",
    personas=5, behaviours={"retail": "Retail"}, spent=Spent(3, 3, 0, 0, 0, 10, 5, None, None, "a price of nothing"),
    run_id="persona_audit-1", design="blinded", of_personas=200, contexts=2, samples=3, not_checked={"memory": "other_metric"},
    cues=(LEADING,), found=(Finding(check="leading", id="hopes"),),
)  # fmt: skip
AUDITED = ConfoundingResult(
    study="meridia", fictional=True, engine="openai", model="m", model_ids=("m-1",), temperature=1.0, of_run="run-1", personas=5,
    behaviours={"retail": "Retail"}, run_id="persona_audit-2", run_design="blinded", designs=("blinded",),
    levels=(AuditLevel(target=0.0, stringency=0.0),), variables={"weather": "Weather"}, ranges=(),
    associations=(AssociationRow(design="blinded", stated=True, variable="weather", label="Weather", fixed=True, units=5,
                                 unit="persona", slope=CLEAR, correlation=0.5, means=(1.0,), p=0.01, moves=True),),
    verdicts=(DesignVerdict(design="blinded", stated=True, moved=("weather",), fixed_moved=("weather",)),),
)  # fmt: skip


def test_two_results_of_one_kind_of_run_are_told_apart() -> None:
    for result in (CHECKED, AUDITED):
        raw = result.as_dict()
        assert result_class("persona_audit", raw) is type(result) and type(result).from_dict(raw) == result
    assert result_class("persona_audit", {"what": "other"}) is None


def test_a_cue_is_said_to_be_followed_only_where_its_interval_says_so() -> None:
    assert wording_sentence(LEADING).endswith("it follows the asker.")
    against = replace(LEADING, followed=IntervalEstimate(value=-6.0, lower=-8.0, upper=-4.0))
    assert wording_sentence(against).endswith("it goes against the asker.")
    assert "cannot be told from chance" in wording_sentence(replace(LEADING, followed=OPEN, moves=False))
    assert wording_sentence(replace(LEADING, followed=UNKNOWN)).endswith("how sure that is cannot be said.")


def test_the_report_of_an_audit_has_its_findings_and_obeys_no_label() -> None:
    document = persona_audit_document(CHECKED, STUDY)
    text, page = terminal_text(document), html_text(document)
    assert "! A leading sentence matters. Told that" in text and "Memory: questions of memory are for" in text
    assert "more than one model: m-1, m-2" in text and "3 calls" in text and "(fictional)" in text
    assert "<b>staying in" not in page and "&lt;b&gt;staying in" in page
    said = terminal_text(confounding_document(AUDITED, STUDY))
    assert "! Shown one policy and nothing of others: 1 of 1 things" in said and "weather (+6 points" in said
    assert "Even what the prompt itself says is not kept." in said


def test_what_a_run_asked_is_said_with_what_to_beware_of() -> None:
    change = CanaryChange(run_id="run-0", canary="park", before=0.5, now=0.8, limit=0.2)
    usage = RunUsage(
        calls=20, answered=18, failed=2, cached=0, uncounted=0, tokens_in=9, tokens_out=9, cost=0.5, currency="USD",
        canary_calls=15, model="m", model_ids={"m-1": 18}, design="blinded", distinct=20, repairs=1, engine="openai",
        prompts="p", days="together", samples=1, personas=2, contexts=9, questions=20, of_run=CallsKept(calls=30),
        failures=(FailedQuestion(personas=(1,), situations=("all open",), days=("rest",), sample=0, problem="no reply"),),
        canaries=CanaryComparison(version="1", asked_at="2030-01-01", model_ids=("m-1",), answers={}, compared_with="run-0",
                                  changes=(change,)),
        untold={"workplaces": ("rest",)},
    )  # fmt: skip
    assert RunUsage.from_dict(usage.as_dict()) == usage
    moved, untold = warnings_of(usage)
    assert moved.startswith("The canary 'park' is answered 0.80, where it was 0.50") and "'workplaces'" in untold
    said = " ".join(str(block) for block in usage_blocks(usage))
    assert (
        "15 of the calls are the same" in said
        and "30 calls" in said
        and "2 of 20 questions have no valid answer" in said
    )
    assert any(isinstance(block, Table) and "no reply" in block.rows[0] for block in usage_blocks(usage))
    assert list(failure_table(usage.failures)["Sample"]) == [1]
    assert warnings_of(replace(usage, canaries=None, untold=None, warnings=("as it was said",))) == ["as it was said"]
