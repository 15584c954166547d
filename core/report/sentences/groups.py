"""Subgroup and diversity checks, and accuracy by region, in plain words for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.report.sentences.left_out import left_out_lines
from core.report.terminal import table
from core.services.studies.inputs import engine_label
from core.validity.region_summary import region_table
from core.validity.regions import FORECASTERS, NATIONAL, PEOPLE, TWIN

#: Columns of a table of forecasters, in words short enough for one.
SHORT: dict[str, str] = {
    TWIN: "Twin",
    "last_7_days": "Last 7 days",
    "seasonal_naive": "Weekday means",
    NATIONAL: "National twin",
    PEOPLE: "… own people",
    "national_seasonal_naive": "National weekday means",
}
#: The rank correlation of two errors above which they are said to go together.
TOGETHER = 0.5


def groups_text(values: Mapping[str, Any]) -> str:
    """The checks of a run."""
    parts = [
        f"Checks of {values['of_run']}, study {values['study']}{' (fictional)' if values['fictional'] else ''}; engine: "
        f"{engine_label(values['engine'])}.",
        diversity_text(values["diversity"]),
        response_text(values["groups"]),
        values["truth_note"],
    ]
    regions = values["regions"]
    if regions is None:
        parts.append(values["regions_note"])
    elif not regions["rows"]:
        said = "No region was observed long enough around an origin: accuracy by region cannot be given."
        parts.append("\n".join([said, *_left_out(regions)]))
    else:
        parts.append(study_regions_text(regions))
    return "\n\n".join([*parts, f"Took {values['seconds']:.1f} s. Kept as {values['run_id']}."])


def diversity_text(values: Mapping[str, Any]) -> str:
    """How spread the answers are, and what explains it."""
    own = values["population"]
    names = list(own["explained"])
    kinds = list(own["deviation"])
    spread = [[kind, *(_percent(own["deviation"][kind][name]) for name in names)] for kind in kinds]
    shares = [["of a single decision's variance", *(_percent(own["explained"][name]) for name in names)]]
    by = [
        [
            f"{item['label']} ({item['categories']})",
            *(_percent(item["share"][name]) for name in names),
            _percent(item["by_chance"]),
        ]
        for item in sorted(values["explained_by"], key=lambda item: -_mean(item["share"]))
    ]
    together = values["explained_together"]
    by += [
        [label, *(_percent(together[key][name]) for name in names), ""]
        for key, label in (("attributes", "all attributes"), ("attributes_and_traits", "attributes and traits"))
    ]
    lines = [
        f"How spread the answers of {own['personas']:,} personas are ({values['source']}).",
        "Standard deviation between personas, in percentage points of the chance to do it:",
        table(["Kind of day", *names], spread),
        "",
        "What who people are explains (the rest is chance):",
        table(["", *names], shares),
        "",
        f"Distinct personas: {own['distinct']:,.1f} in effect of {own['kish']:,.1f} that the weights allow; "
        f"{_percent(own['collapse'])} of pairs answer alike. They differ in {own['dimensions']:.1f} independent ways.",
        _against(values),
        "",
        "Share of the spread between personas that lies between the categories of each attribute (alone; shares overlap):",
        table(["Attribute (categories)", *names, "by chance"], by),
    ]
    return "\n".join(lines)


def _against(values: Mapping[str, Any]) -> str:
    """What the spread does for the forecast, where the run's scores say so."""
    macro = values["macro_rmse"]
    alike = values["identical_personas"]
    said = f"Identical personas, for comparison: {alike['distinct']:.0f} in effect, {alike['dimensions']:.0f} ways."
    if {"twin", "identical_personas", "single_persona"} <= set(macro):
        said += (
            f" On the hold-out the twin misses by {macro['twin']:.2f} points with its own people, by "
            f"{macro['identical_personas']:.2f} with identical ones, and by {macro['single_persona']:.2f} with one persona."
        )
    return said


def response_text(values: Mapping[str, Any]) -> str:
    """Who responds more, in the simulation."""
    rows = [
        [
            attribute["label"],
            item["behaviour"],
            item["most"],
            item["least"],
            f"{item['difference']:+.1f}",
            f"{item['lower']:+.1f} to {item['upper']:+.1f}",
        ]
        for attribute in values["attributes"]
        for item in sorted(attribute["extremes"], key=lambda item: -abs(item["difference"]))[:2]
    ]
    small = [f"{item['label']}: {', '.join(item['small'])}" for item in values["attributes"] if item["small"]]
    lines = [
        f"{values['measure'].capitalize()}: {values['means']}.",
        f"Change from “{values['before']}” to “{values['after']}”, mean of {values['start']} to {values['end']}, in points "
        "of each category's own ordinary week; for each attribute the two behaviours in which its categories differ most:",
        table(["Attribute", "Behaviour", "Responds most", "Responds least", "Difference", "80% interval"], rows),
    ]
    if small:
        lines.append(f"Too few personas to be named above: {'; '.join(small)}.")
    return "\n".join(lines)


def study_regions_text(values: Mapping[str, Any]) -> str:
    """Accuracy by region of one study."""
    lines = [
        f"Accuracy by region, from {', '.join(values['origins'])} on, with the engine as given (nothing searched):"
    ]
    for country, horizons in values["summary"]["by_country"].items():
        for horizon, part in horizons.items():
            lines += ["", *_country_lines(values["rows"], country, int(horizon), part)]
    return "\n".join([*lines, "", *_footnotes(values)])


def _country_lines(rows: Sequence[Mapping[str, Any]], country: str, horizon: int, part: Mapping[str, Any]) -> list[str]:
    found, _ = region_table(rows, country, horizon)
    names = list(part["mean"])
    ordered = found.sort_values(TWIN, ascending=False)
    cells = [
        [str(row["name"]), _percent(row["observed"]), *(float(row[name]) for name in names)]
        for row in ordered.to_dict("records")
    ]
    cells.append(["Mean", "", *(float(part["mean"][name]) for name in names)])
    cells.append(["Worst less best", "", *(_difference(part, name) for name in names)])
    shared: Sequence[str] = next(
        row["shared"] for row in rows if row["country"] == country and row["horizon"] == horizon
    )
    lines = [
        f"{horizon} days ahead, RMSE over what all regions share ({', '.join(shared)}):",
        table(["Region", "Observed", *(SHORT[name] for name in names)], cells),
        verdict(part),
    ]
    if part["incomplete"]:
        lines.append(f"Not compared, for too little was observed: {', '.join(part['incomplete'])}.")
    return lines


def verdict(part: Mapping[str, Any]) -> str:
    """What the differences between regions mean, in a sentence or two."""
    parity = part["parity"]
    if parity[TWIN] is None:
        return "One region alone has nothing to be compared with."
    twin, rival = parity[TWIN]["difference"], parity["seasonal_naive"]["difference"]
    said = (
        f"The twin serves {parity[TWIN]['best']} best ({parity[TWIN]['best_error']:.1f}) and {parity[TWIN]['worst']} worst "
        f"({parity[TWIN]['worst_error']:.1f}): {twin:.1f} points apart, weekday means {rival:.1f}."
    )
    agreement = part["agreement"]
    if agreement is not None and agreement >= TOGETHER:
        said += (
            f" Both find the same regions hard (rank correlation {agreement:.2f}), so much of it lies in the regions "
        )
        said += "themselves."
    if NATIONAL in part["mean"]:
        more = part["mean"][NATIONAL] - part["mean"][TWIN]
        said += f" Without any data of the region, the national twin misses by {abs(more):.1f} points {_more(more)}."
    if PEOPLE in part["mean"]:
        gain = part["mean"][NATIONAL] - part["mean"][PEOPLE]
        said += (
            f" Taking the region's own people changes that by {-gain:+.1f}: the simulated differences between regions "
        )
        said += "are real ones in part." if gain > 0 else "are not those that were observed."
    return said


def regions_text(values: Mapping[str, Any]) -> str:
    """Accuracy by region over many countries."""
    summary = values["summary"]
    if not values["rows"]:
        return "\n".join(["No region was observed long enough around these origins.", *_left_out(values)])
    names = [name for name in FORECASTERS if any(name in part["mean"] for part in summary["by_horizon"].values())]
    lines = [
        f"{_counted(len(summary['by_country']))} with regions, origins {', '.join(values['origins'])}; engine: "
        f"{engine_label(values['engine'])}; people: {values['population']}, {values['personas']} personas.",
    ]
    if not values["national"]:
        lines.append(
            "Without a table of countries (--national) nothing is said of what a national twin says of regions."
        )
    for horizon, whole in summary["by_horizon"].items():
        rows = []
        for country, parts in summary["by_country"].items():
            if horizon in parts:
                part = parts[horizon]
                ends = part["parity"][TWIN] or {"best": "", "worst": ""}
                rows.append(
                    [
                        values["names"][country],
                        str(part["regions"]),
                        *(_number(part["mean"].get(name)) for name in names),
                        *(_number(_difference(part, name)) for name in (TWIN, "seasonal_naive")),
                        ends["best"],
                        ends["worst"],
                    ]
                )
        rows.append(
            [
                "All, mean of countries",
                str(whole["regions"]),
                *(_number(whole["mean"].get(name)) for name in names),
                *(_number(whole["parity"].get(name)) for name in (TWIN, "seasonal_naive")),
                "",
                "",
            ]
        )
        head = [
            "Country",
            "Regions",
            *(SHORT[name] for name in names),
            "Spread: twin",
            "weekday means",
            "Best",
            "Worst",
        ]
        lines += [
            "",
            f"{horizon} days ahead, RMSE; spread is the worst region's error less the best's:",
            table(head, rows),
        ]
        lines += [_association(whole), *_not_compared(values, horizon)]
    return "\n".join([*lines, "", *_footnotes(values), f"Took {values['seconds']:.0f} s."])


def _not_compared(values: Mapping[str, Any], horizon: str) -> list[str]:
    parts = {values["names"][name]: found.get(horizon, {}) for name, found in values["summary"]["by_country"].items()}
    said = [f"{name}: {', '.join(part['incomplete'])}" for name, part in parts.items() if part.get("incomplete")]
    return [f"Not compared, for they lack behaviours or origins that others have: {'; '.join(said)}."] if said else []


def _association(whole: Mapping[str, Any]) -> str:
    if whole["agreement"] is None:
        return "Too few regions to say which are hard for both."
    said = f"Rank correlation within countries, {whole['ranked']} regions: twin's and weekday means' error "
    said += f"{whole['agreement']:.2f}"
    if whole["association"] is not None:
        said += f"; twin's error and share of observed cells {whole['association']:.2f}"
    return f"{said}."


def _footnotes(values: Mapping[str, Any]) -> list[str]:
    learned = (
        f"What the twin has learned from other countries, of which a country above may be one: {values['priors']}."
    )
    return [values["summary"]["known_of_regions"], learned, *_left_out(values)]


def _left_out(values: Mapping[str, Any]) -> list[str]:
    return [f"Left out: {line}" for line in left_out_lines(values["left_out"])]


def _difference(part: Mapping[str, Any], name: str) -> float:
    found = part["parity"].get(name)
    return float("nan") if found is None else float(found["difference"])


def _more(difference: float) -> str:
    return "more" if difference >= 0 else "less"


def _counted(countries: int) -> str:
    return "1 country" if countries == 1 else f"{countries} countries"


def _number(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.1f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}%"


def _mean(shares: Mapping[str, float | None]) -> float:
    known = [value for value in shares.values() if value is not None]
    return float(np.mean(known)) if known else 0.0
