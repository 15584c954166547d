"""What-ifs as documents to keep: one answer, a comparison and a sweep, with what they rest on and how they are made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from core.counterfactual.contrast import Contrast
from core.counterfactual.fitted import FittedTwin
from core.errors import one_of
from core.policy.scenario import scenario_file_name, scenario_file_names, scenario_text
from core.policy.timeline import PolicyTimeline
from core.report.basis import basis, data_words
from core.report.document import Block, Code, Details, Document, Figure, Heading, Items, Paragraph, Table
from core.report.figures.answers import (
    IN_FORCE,
    OBSERVED_NAME,
    TRUTH,
    WHAT_IF,
    answer_figure,
    effects_figure,
    people_figure,
)
from core.report.figures.contrasts import paths_figure
from core.report.sentences.answers import (
    EFFECT_INTERVAL,
    calendar_sentence,
    effect_sentence,
    moved_sentence,
    support_sentence,
    trust_sentence,
    truth_sentence,
)
from core.report.sentences.counterfactuals import (
    comparison_document,
    reference_label,
    reference_words,
    reproduce_comparison,
    reproduce_sweep,
    sweep_document,
    twin_answer,
)
from core.report.sentences.domain import index_word
from core.report.sentences.held import held_compare_text
from core.report.sentences.sources import engine_words
from core.services.counterfactuals.answers import (
    Answer,
    AnswerNames,
    answer_of,
    answer_table,
    effects_table,
    most_moved,
    moved_groups,
    people_table,
)
from core.services.counterfactuals.claims import claims_of
from core.services.counterfactuals.questions import questions_of
from core.services.counterfactuals.results import ComparisonResult, SweepResult
from core.services.counterfactuals.tables import path_table
from core.services.language.descriptions import about_engine, caution_of_run
from core.services.populations.synthesis import population_spec
from core.services.runs.fitted import fitted_twin
from core.services.runs.results import RunResult
from core.services.studies.inputs import StudyInputs, open_study
from core.settings import observed_data
from core.store.database import Store
from core.store.runs import StoredRun

CHANGES_SHOWN = 12


@dataclass(frozen=True)
class Basis:
    """What a what-if rests on: the study as it was read, the run with its twin, and whether its people were edited."""

    inputs: StudyInputs
    run: StoredRun
    twin: FittedTwin
    edited: bool = False

    @property
    def source(self) -> str:
        """The line beneath a figure."""
        record = self.run.record
        engine = engine_words(record.engine, about_engine(record).get("model"))
        return twin_answer(self.inputs.study, record.run_id, len(self.twin.personas), self.twin.origin, engine)

    @property
    def data(self) -> str | None:
        """The folder of observations, where the study needs one."""
        return None if self.inputs.study.shipped or observed_data() is None else str(observed_data())


def answer_document(given: Basis, found: Answer, title: str, behaviour: str = "") -> Document:
    """One policy's answer: the effect, its course for one `behaviour` (default: that moved most), who is moved, how sure."""
    study, item, run = given.inputs.study, found.item, given.run
    table = effects_table(study, item, found.true_effect)
    behaviour = behaviour or most_moved(table)
    label, origin, index = study.behaviour(behaviour).label, given.twin.origin, index_word(study)
    names = AnswerNames(OBSERVED_NAME, IN_FORCE, WHAT_IF, TRUTH)
    course = answer_table(
        study, item, behaviour, names=names, observations=given.inputs.observations, truth=found.truth
    )
    people = people_table(given.twin, item, behaviour)
    against = reference_words(item.reference_name)
    claims = claims_of(study, run.record.engine, origin)
    caution = caution_of_run(run.record)
    known = table["truth"].notna().any()
    changes = tuple(map(str, item.changes))
    left = len(changes) - CHANGES_SHOWN
    more = [f"and {left} more, all in the scenario file at the end"] if left > 0 else []
    blocks: tuple[Block, ...] = (
        Paragraph(_plain(effect_sentence(table, behaviour)), "answer"),
        Paragraph(
            f"Against {against}, mean over {item.path.dates[0]:%-d %B %Y} to {item.path.dates[-1]:%-d %B %Y}. "
            f"{support_sentence(study, item)}",
            "good" if item.outside_days == 0 else "caution",
        ),
        Figure(
            "course", lambda: answer_figure(course, origin=origin, unit=study.metric_unit, index=index, height=360),
            f"{label} over time, observed and under both policies, with 80% intervals; beneath, the {index} of each. The "
            "dotted line marks the end of training.", course,
        ),
        Figure(
            "effects", lambda: effects_figure(table, periods=f"{study.step}s", height=60 + 44 * len(table)),
            f"What the policy changes, by behaviour. Lines: {EFFECT_INTERVAL}.", table,
        ),
        Table(
            ("Behaviour", "Difference", "From", "To", *(["Truth"] if known else [])),
            tuple(
                (row["label"], *(float(row[name]) for name in ("difference", "lower", "upper", *(["truth"] * bool(known)))))
                for row in table.to_dict("records")
            ),
            f"Points of {study.metric_unit}; from and to bound the {EFFECT_INTERVAL}.", 1,
        ),
        Heading("What the policy does otherwise"),
        Items((*changes[:CHANGES_SHOWN], *more) or ("nothing",)),
        Heading("Who is moved"),
        Paragraph(
            _plain(moved_sentence(moved_groups(given.twin, item, behaviour, population_spec(study))))
            or "All people are described alike."
        ),
        Figure(
            "people", lambda: people_figure(people.assign(words=people["text"].str.slice(0, 90)), label=label, height=170),
            f"{len(people)} of the people, a dot each, by how much {label.lower()} changes for them.", people,
        ),
        Heading("How sure"),
        *(Paragraph(_plain(text)) for text in (
            trust_sentence(RunResult.of(run), study), truth_sentence(table), calendar_sentence(item),
        ) if text),
        Paragraph(claims.headline),
        *([Paragraph(f"The model has {caution}", "caution")] if caution else []),
        Heading("What is assumed, and what the intervals cover"),
        Paragraph(held_compare_text(study)),
        Paragraph(claims.details),
    )  # fmt: skip
    again = _compare_again(given, [found.timeline], item.path.dates, found.reference)
    return _whole(Document(title, blocks, study.fictional, _flat(given.source)), given, again)


def compared_document(
    given: Basis,
    result: ComparisonResult,
    found: Sequence[Contrast],
    scenarios: Sequence[PolicyTimeline],
    behaviour: str,
    *,
    reference: PolicyTimeline | None = None,
    weekly: bool = True,
) -> Document:
    """A comparison with the course of one behaviour."""
    study = given.inputs.study
    name, label = reference_label(result.reference), study.behaviour(behaviour).label
    paths = path_table(
        found, behaviour, weekly=weekly, reference=name, observations=given.inputs.observations
    )  # fmt: skip
    course = Figure(
        "paths",
        lambda: paths_figure(
            paths,
            reference=name,
            label=label,
            difference=False,
            weekly=weekly,
            source=given.source,
            index=index_word(study),
            step=study.step,
            unit=study.metric_unit,
        ),
        f"{label} over time under each policy, with the {index_word(study)} of each beneath.",
        paths,
    )
    said = comparison_document(result, study)
    at = next(place for place, block in enumerate(said.blocks) if isinstance(block, Heading))
    said = replace(said, blocks=(*said.blocks[:at], course, *said.blocks[at:]))
    return _whole(said, given, _compare_again(given, scenarios, found[0].path.dates, reference))


def swept_document(
    given: Basis, result: SweepResult, dates: pd.DatetimeIndex, reference: pd.DataFrame | None = None
) -> Document:
    """A sweep; `reference` as in `sweep_document`."""
    levels = [item.level for item in result.levels]
    lines = reproduce_sweep(given.run.record, levels, dates, given.data, edited=given.edited)
    return _whole(sweep_document(result, given.inputs.study, reference), given, lines.details("Make it again"))


def question_document(
    store: Store, run_id: str, question: str, behaviour: str | None = None, data: str | None = None
) -> Document:
    """The answer of a run's twin to one of the questions that Home offers, by its id in the address. InputError for an unknown
    one, and as `fitted_twin`."""
    run = store.run(run_id)
    inputs = open_study(str(run.record.parameters.get("study", run.record.study_id)), data)
    twin = fitted_twin(store, run_id, data, inputs=inputs)
    offered = {item.id: item for item in questions_of(store, inputs.study, inputs.timeline, twin.origin)}
    chosen = offered[one_of(question, tuple(offered), what="question", where=f"run {run_id}")]
    if behaviour is not None:
        one_of(behaviour, inputs.study.behaviour_ids, what="behaviour", where=f"study {inputs.study.id}")
    found = answer_of(twin, chosen.timeline())
    return answer_document(Basis(inputs, run, twin), found, chosen.title(inputs.study), behaviour or "")


def _compare_again(
    given: Basis, scenarios: Sequence[PolicyTimeline], dates: pd.DatetimeIndex, reference: PolicyTimeline | None
) -> Details:
    files = scenario_file_names([item.name for item in scenarios])
    against = None if reference is None else f"reference-{scenario_file_name(reference.name)}"
    named = [*zip(files, scenarios, strict=True), *([(against, reference)] if reference is not None else [])]
    written: list[Block] = []
    for name, timeline in named:
        assert timeline is not None
        written += [
            Paragraph(f"Put this beside you as {name}:"),
            Code(scenario_text(timeline, given.twin.timeline), "toml"),
        ]
    lines = reproduce_comparison(given.run.record, files, dates, given.data, against, edited=given.edited)
    return Details("Make it again", (*written, *lines.details().blocks))


def _whole(said: Document, given: Basis, again: Details) -> Document:
    run = given.run
    return replace(
        said,
        blocks=(*said.blocks, *basis(run.record, data_words(given.inputs.study), again)),
        run_id=said.run_id or run.run_id,
    )


def _plain(text: str) -> str:
    return text.replace("**", "")


def _flat(source: str) -> str:
    return source.replace("<br>", " ")
