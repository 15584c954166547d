"""What it means that effects of treatments were foreseen, or were not, in sentences."""

from __future__ import annotations

from core.report.document import Document, Items, Paragraph, Table, number
from core.services.evaluation.replication_results import EffectsReplication
from core.validity.effects import LEAST_RELIABLE, EffectScores


def effects_document(result: EffectsReplication) -> Document:
    """In which studies a predictor foresaw what worked, and in which it knows the size."""
    pooled, studies = result.pooled, result.studies
    losing = [name for name, item in studies.items() if not item.line_beats_mean]
    order = sorted(studies.items(), key=lambda pair: -pair[1].r)
    return Document(
        f"Did {result.predictor} foresee the effects of {pooled.studies} experiments?",
        (
            Paragraph(
                f"Over {pooled.effects} effects of {pooled.studies} studies the correlation inside studies is {pooled.r:.2f} "
                f"({result.level}% interval {pooled.low:.2f} to {pooled.high:.2f}, pooled by Fisher's z), from "
                f"{number(order[-1][1].r)} ({order[-1][0]}) to {order[0][1].r:.2f} ({order[0][0]}).",
                "good" if pooled.low > 0 else "caution",
            ),
            Paragraph(
                f"Of sizes it tells less: a line fitted on the other arms of a study beats the mean of these arms in "
                f"{pooled.line_beats_mean} of {pooled.studies} studies"
                f"{f', not in {_named(losing)}' if losing else ''}."
            ),
            Table(
                ("Study", "Effects", "r", "Interval", "r inside blocks", "Reliability", "r without noise", "Experts' r",
                 "r where they forecast", "Same sign", "Line's error ÷ mean's"),
                tuple(_row(name, item) for name, item in order),
                "Blocks are samples or outcomes of one study. r without noise is r ÷ √reliability. The last column is below 1 "
                "where a line on predictions, fitted on other arms, misses less than their mean.",
                strong=frozenset(place for place, (_, item) in enumerate(order) if item.line_beats_mean),
            ),
            Items(tuple(filter(None, (
                _said("In other units than the effects (sizes are not compared, only ranks and lines)",
                      [name for name, item in studies.items() if item.units_differ]),
                _said(f"Hardly anything but noise was measured (reliability under {LEAST_RELIABLE}; no correction is defined)",
                      [name for name, item in studies.items() if item.disattenuated_r is None]),
                _said("The correlation comes from differences between blocks, and is lower by .2 or more inside them",
                      [name for name, item in studies.items() if item.within_r is not None and item.r - item.within_r >= 0.2]),
                _said("Experts foresaw more", [name for name, item in studies.items() if _experts_ahead(item)]),
                *(f"Left out: {rows} {why}." for why, rows in result.left_out.items()),
            )))),
        ),
        source=result.file, run_id=result.run_id,
    )  # fmt: skip


def _row(name: str, item: EffectScores) -> tuple[object, ...]:
    return (
        name, item.effects, item.r, f"{number(item.low)} to {number(item.high)}", item.within_r, item.reliability,
        item.disattenuated_r, item.expert_r, item.r_where_expert if item.forecast else None, item.sign_agreement,
        item.rmse_line / item.rmse_mean if item.rmse_mean else None,
    )  # fmt: skip


def _experts_ahead(item: EffectScores) -> bool:
    return item.expert_r is not None and item.r_where_expert is not None and item.expert_r > item.r_where_expert


def _said(what: str, names: list[str]) -> str:
    return f"{what}: {_named(names)}." if names else ""


def _named(names: list[str]) -> str:
    return ", ".join(names)
