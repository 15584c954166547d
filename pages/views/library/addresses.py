"""Where each thing of the library is looked at: the page, and what its address says."""

from __future__ import annotations

from core.services.library.items import POPULATION, SCENARIO, LibraryItem

#: Pages that show results of a kind, and the part of the page.
_PARTS = {
    "ablations": ("Validation", {"part": "Ablations"}),
    "worlds": ("Validation", {"part": "Known worlds"}),
    "groups": ("Validation", {"part": "Groups"}),
    "backtest": ("Validation", {}),
    "persona_audit": ("Simulate", {"section": "persona-audit"}),
}


def address_of(item: LibraryItem, of_run: LibraryItem | None) -> tuple[str, dict[str, str]] | None:
    """The page and the parameters that show it; None where no page does. `of_run` is the run it was made on."""
    asked = item.parameters
    days = {name: str(asked[name]) for name in ("start", "end") if asked.get(name)}
    own, observed = (None, None) if of_run is None else (of_run.population_id, of_run.timeline_id)
    people = {} if item.population_id == own else {"people": item.population_id}
    match item.kind:
        case "run":
            return "Calibration", {"run": item.id}
        case "sweep" if not asked.get("lever"):
            levels = ",".join(f"{level:g}" for level in asked["levels"])
            return "Counterfactuals", {"run": item.of_run, "view": "sweep", "levels": levels, **days, **people}
        case "compare":
            of = {"run": item.of_run, "view": "compare", "scenario": ",".join(asked["scenarios"])}
            against = {} if asked["reference"] == observed else {"against": str(asked["reference"])}
            return "Counterfactuals", {**of, **against, **days, **people}
        case "projection":
            return "Counterfactuals", {"run": item.of_run, "view": "ahead", "kept": item.id}
        case "ask":
            return "Simulate", {"section": "ask", "asked": item.id}
        case "known_effects":
            return "Validation", {"part": "Known effects"}
        case "donors":
            return "Validation", {"part": "Donor places", "donors": item.id}
        case "survey_calibration" | "survey_prediction":
            return "Survey twins", {"source": "Kept results", "kept": item.id}
        case _ if item.kind == SCENARIO:
            return "Policy timeline", {"scenario": item.id}
        case _ if item.kind == POPULATION:
            return "Population", {"population": item.id}
    if item.kind not in _PARTS:
        return None
    page, parameters = _PARTS[item.kind]
    return page, {**({"run": item.of_run} if item.of_run else {}), **parameters}
