"""What a backtest over a study's panel means: whether the twin forecasts other places and periods better than a simple rule."""

from __future__ import annotations

from collections.abc import Mapping

from core.cognition.registry import engine_label
from core.forecasting.backtest_scores import TWIN
from core.forecasting.panel_backtest import PanelScores
from core.report.document import Block, Document, Heading, Paragraph, Table
from core.report.sentences.domain import periods
from core.report.sentences.left_out import left_out_items
from core.services.evaluation.results import PanelBacktestResult
from core.services.runs.forecasters import label as forecaster_label
from core.study import Step

#: Errors within this share of each other are called about as good.
ALIKE = 0.02
HOW = (
    "Each forecaster knows what was observed up to the origin and the policy of the periods ahead. The twin learns from the "
    "other places, never from the place itself, how much of a policy's effect to follow and how things drift."
)


def panel_backtest_document(result: PanelBacktestResult) -> Document:
    """The twin against each rival, by horizon, and where policy moved."""
    title = f"Does the twin forecast {result.label.lower()} better than a simple rule?"
    if not result.rows:
        nothing = Paragraph("No place has enough observations after these origins.", "caution")
        return Document(title, (nothing, *left_out_items(result.left_out)), run_id=result.run_id)
    summary = result.summary
    moved = summary.where_policy_moved
    return Document(
        title,
        (
            *_fictional(result),
            Paragraph(_answer(result, summary.by_horizon, "")),
            *_moved(result, moved),
            Paragraph(
                f"{summary.rows:,} rows, {summary.places} places; learned from {result.learned_from}; engine: "
                f"{engine_label(result.engine)}; {result.personas} personas."
            ),
            _table(result, summary.by_horizon, f"Mean RMSE, in {result.unit}."),
            *_moved_table(result, moved),
            *_coverage(result),
            Paragraph(HOW),
            *left_out_items(result.left_out),
        ),
        run_id=result.run_id,
    )


def _ahead(result: PanelBacktestResult, horizon: str) -> str:
    return periods(Step(result.step), int(horizon))


def _fictional(result: PanelBacktestResult) -> tuple[Block, ...]:
    return (Paragraph("Fictional data.", "caution"),) if result.fictional else ()


def _moved(result: PanelBacktestResult, moved: Mapping[str, PanelScores]) -> tuple[Block, ...]:
    return (Paragraph(_answer(result, moved, "where policy moved, ")),) if moved else ()


def _moved_table(result: PanelBacktestResult, moved: Mapping[str, PanelScores]) -> tuple[Block, ...]:
    if not moved:
        return ()
    return Heading("Where policy moved"), _table(result, moved, f"Mean RMSE, in {result.unit}.")


def _answer(result: PanelBacktestResult, parts: Mapping[str, PanelScores], where: str) -> str:
    said = []
    for ahead, part in parts.items():
        gain = part.gain_on_best_rival
        how = "about as good as" if abs(gain) <= ALIKE else f"{abs(gain):.0%} {'better' if gain > 0 else 'worse'} than"
        rival = f"“{forecaster_label(part.best_rival, Step(result.step))}”"
        said.append(f"{_ahead(result, ahead)} ahead {how} {rival}{_how_sure(part)}")
    text = f"{where}the twin is " + "; ".join(said) + " (the best single rival, picked after the fact)."
    return text[0].upper() + text[1:]


def _how_sure(part: PanelScores) -> str:
    """The interval of the difference, and whether it tells the two apart."""
    if not part.difference:
        return ""
    low, high = part.difference
    sure = "which excludes 0" if low > 0 or high < 0 else "which includes 0"
    return f" (difference of errors {low:+.2f} to {high:+.2f}, 95% over places, {sure})"


def _table(result: PanelBacktestResult, parts: Mapping[str, PanelScores], caption: str) -> Table:
    names = [TWIN, *result.rivals]
    rows = tuple(
        (
            "The twin" if name == TWIN else forecaster_label(name, Step(result.step)),
            *(part.mean.get(name) for part in parts.values()),
        )
        for name in names
    )
    heads = tuple(f"{_ahead(result, ahead)} ({part.rows} rows)" for ahead, part in parts.items())
    return Table(("Forecaster", *heads), rows, caption)


def _coverage(result: PanelBacktestResult) -> tuple[Paragraph, ...]:
    held = {ahead: part.coverage for ahead, part in result.summary.by_horizon.items() if part.coverage}
    said = "; ".join(
        f"{_ahead(result, ahead)} ahead "
        + ", ".join(f"{share:.0%} in the {level}% interval" for level, share in levels.items())
        for ahead, levels in held.items()
    )
    return (Paragraph(f"Its intervals held: {said}."),) if said else ()
