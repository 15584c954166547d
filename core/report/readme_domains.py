"""README's part on studies of other domains: errors by hold-out with every baseline beside them, and published effects."""

from __future__ import annotations

from core.forecasting.backtest_scores import TWIN
from core.forecasting.panel_backtest import PanelScores
from core.report.readme_text import measured_line, paragraph, table_of
from core.report.sentences.known_effects import verdict
from core.services.evaluation.domain_scores import DomainScores, DomainStudy
from core.services.runs.forecasters import label as forecaster_label
from core.study import Step


def domains_tables(scores: DomainScores) -> str:
    """Each study's errors and effects."""
    parts = [text for study in scores.studies for text in (f"**{study.title}** (`{study.study}`)", *_study(study))]
    return "\n\n".join([*parts, measured_line(scores.header)])


def _study(study: DomainStudy) -> list[str]:
    columns: list[tuple[str, PanelScores]] = []
    for part in study.parts:
        columns += [(f"{part.name}: {ahead}", found) for ahead, found in part.summary.by_horizon.items()]
        if any(
            found.rows != part.summary.by_horizon[ahead].rows
            for ahead, found in part.summary.where_policy_moved.items()
        ):
            columns += [(f"{ahead}, policy moved", found) for ahead, found in part.summary.where_policy_moved.items()]
    names = [TWIN, *(name for name in columns[0][1].mean if name != TWIN)]
    rows = [["rows", *(str(found.rows) for _, found in columns)]]
    for name in names:
        cells = [f"{found.mean[name]:.2f}" if name in found.mean else "" for _, found in columns]
        words = "**PolicyTwin**" if name == TWIN else forecaster_label(name, Step(study.step))
        rows.append([words, *(f"**{cell}**" if name == TWIN else cell for cell in cells)])
    rows.append(
        ["difference from the best baseline, 95% over places", *map(_difference, (found for _, found in columns))]
    )
    rows.append(
        ["80% intervals held", *(f"{found.coverage['80']:.0%}" if found.coverage else "" for _, found in columns)]
    )
    effects = [
        [
            item.name, f"{item.estimate:+.2f}", f"{item.low:+.2f} to {item.high:+.2f}", f"{item.published:+.2f}",
            f"{item.published_low:+.2f} to {item.published_high:+.2f}",
            verdict(item) + (f" (without {item.missing})" if item.missing else ""),
            "yes" if item.used_for_coefficients else "no",
        ]
        for item in study.effects
    ]  # fmt: skip
    said = [f"Mean RMSE over places in {study.unit}, {study.step}s ahead; {study.personas} personas a place."]
    heads = ["Published effect", "ours", "80% interval", "published", "range", "verdict", "set a coefficient"]
    return [paragraph(said), table_of(["Forecaster", *(name for name, _ in columns)], rows), table_of(heads, effects)]


def _difference(found: PanelScores) -> str:
    if not found.difference:
        return ""
    low, high = found.difference
    return f"{low:+.2f} to {high:+.2f}" + (" (better)" if high < 0 else " (worse)" if low > 0 else "")
