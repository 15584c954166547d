"""What other people would change, and the lines that make them elsewhere."""

from __future__ import annotations

from core.report.document import signed
from core.report.reproduction import OWN_STORE, request_python
from core.services.counterfactuals.population_effects import PopulationEffectRequest, population_effect
from core.services.populations.drafts import PopulationDraft, draw_population

#: The statement every screen that shows an effect makes.
CALIBRATION_KEPT = "The calibration was kept; refitting is a separate act on the Calibration page."
#: Differences below this many points are said to be so instead of being rounded to nothing.
SMALLEST_SHOWN = 0.01


def points(value: float) -> str:
    """A difference in points, in words: two decimals, and never a change that is shown as none."""
    if value == 0:
        return "no change"
    if abs(value) < SMALLEST_SHOWN:
        return f"less than {SMALLEST_SHOWN} points {'up' if value > 0 else 'down'}"
    return f"{signed(value, 2)} points"


def population_python(draft: PopulationDraft, store: str) -> str:
    """Python lines that make the draft's people; `store` holds the kept population that it starts from, if any."""
    shown = "print(result.size, result.largest_error, result.largest_error_at)"
    return request_python(draft, draw_population, store if draft.source else OWN_STORE, shown)


def effect_python(run_id: str, draft: PopulationDraft, data: str | None, store: str) -> str:
    """Python lines that print what the draft's edits change in the forecast of a run in `store`."""
    return request_python(PopulationEffectRequest(run_id, draft.unedited, draft, data), population_effect, store)
