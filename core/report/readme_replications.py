"""README's tables of real people: who answers for them, which choices and experiments were foreseen, what twins are worth."""

from __future__ import annotations

from core.report.document import number
from core.report.readme_text import measured_line, paragraph, table_of
from core.report.sentences.replicated_twins import OWN
from core.services.evaluation.replication_figures import ReplicationScores
from core.services.evaluation.replication_results import (
    CHOOSERS,
    ENGINES,
    AnswersReplication,
    ChoicesReplication,
    EffectsReplication,
    TwinsReplication,
)


def replication_tables(found: ReplicationScores) -> str:
    """Four tables, each with its sentence."""
    parts = [*_answers(found.answers), *_choices(found.choices), *_effects(found.effects), *_twins(found.twins)]
    written = [part if part.startswith("|") else paragraph([part]) for part in parts]
    return "\n\n".join([*written, measured_line(found.header)])


def _answers(found: AnswersReplication) -> list[str]:
    rows = [
        [_bold(ENGINES[name], name == found.engine), f"{item.normalised.exact:.3f} ({item.low:.3f} to {item.high:.3f})",
         f"{item.normalised.partial:.3f}", number(item.normalised.correlation, 3) or "–", f"{item.variance_ratio:.2f}"]
        for name, item in sorted(found.engines.items(), key=lambda pair: -pair[1].exact)
    ]  # fmt: skip
    head = ["Who answers", f"same answer, of own retest ({found.level}%)", "nearness", "correlation", "spread"]
    parity = [
        f"{name} {item.difference:.3f} (by chance {item.chance:.3f}; the mode {found.mode_parity[name].difference:.3f})"
        for name, item in found.parity.items() if item.difference is not None
    ]  # fmt: skip
    return [
        f"**{found.people} people of a self-regulation panel**, {found.panel} others learned from, {found.items} items "
        f"of {found.instruments} instruments; people repeat {100 * found.retest.exact:.1f}% of their answers months later. "
        "All but spread are shares of people's own retest:",
        table_of(head, rows),
        f"Drawn from what it holds possible, memory spreads {found.spread.variance_ratio:.2f} times as far as people (log "
        f"score {found.spread.log_score:.3f}, shares {found.spread.log_score_of_shares:.3f}, calibration error "
        f"{found.spread.calibration_error:.3f}). Best less worst group: "
        f"{'; '.join(parity)}.",
    ]


def _choices(found: ChoicesReplication) -> list[str]:
    names = list(found.tasks)
    rows = [
        [_bold(words, name == found.engine), *(
            f"{item.accuracy:.3f} ({item.low:.3f} to {item.high:.3f})"
            for item in (found.tasks[task].engines[name] for task in names)
        )]
        for name, words in CHOOSERS.items()
    ]  # fmt: skip
    retest = ["people themselves, asked again",
              *("" if found.tasks[name].retest is None else f"{found.tasks[name].retest:.3f}" for name in names)]  # fmt: skip
    people = " and ".join(dict.fromkeys(str(found.tasks[name].people) for name in names))
    return [
        f"**The next choice** between less sooner and more later, of {people} people nobody learned from (share right):",
        table_of(["Who foresees", *names], [*rows, retest]),
    ]


def _effects(found: EffectsReplication) -> list[str]:
    rows = [
        [name, str(item.effects), number(item.r), number(item.disattenuated_r) or "–", number(item.within_r) or "",
         number(item.expert_r) or "", _bold(f"{item.rmse_line / item.rmse_mean:.2f}", item.line_beats_mean)]
        for name, item in sorted(found.studies.items(), key=lambda pair: -pair[1].r)
    ]  # fmt: skip
    return [
        f"**{found.pooled.effects} effects of {found.pooled.studies} megastudies**, foreseen by GPT-4: a line fitted on "
        f"other arms beats their mean in {found.pooled.line_beats_mean} (bold; –: hardly anything but noise was measured):",
        table_of(
            ["Study", "effects", "r", "r without noise", "inside blocks", "experts' r", "line's error ÷ mean's"], rows
        ),
    ]


def _twins(found: TwinsReplication) -> list[str]:
    rows = [
        [_bold(OWN.get(name, name), name in ("memory", "stack")),
         f"{item.normalised:.3f} ({item.low:.3f} to {item.high:.3f})", f"{item.variance_ratio:.2f}"]
        for name, item in found.engines.items()
    ]  # fmt: skip
    over, alone = found.stack_over_best, found.memory_over_best
    return [
        f"**Twins of {found.people:,} people** (Twin-2K-500, {found.items} questions; everybody predicted by the others "
        f"in {found.folds} parts):",
        table_of(["Who answers", f"same answer, of own retest ({found.level}%)", "spread"], rows),
        f"The stack leads the best published twin by {over.value:.3f} ({over.low:.3f} to {over.high:.3f}); memory alone, "
        f"without any language model, differs from it by {number(alone.value, 3)} ({number(alone.low, 3)} to "
        f"{number(alone.high, 3)}).",
    ]


def _bold(text: str, strong: bool) -> str:
    return f"**{text}**" if strong else text
