"""What every cognitive engine promises, whether it follows rules or asks a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

#: Columns of a context besides one level per indicator ("C1") and one flag per flagged indicator ("C1_Flag").
DAY_TYPE = "day_type"  # one of core.policy.calendar.DAY_TYPES
RAMADAN = "ramadan"  # bool
EPIDEMIC = "epidemic"  # 0 low, 1 moderate, 2 high
RESTRICTED_DAYS = "restricted_days"  # days that restrictions have lasted, rounded to a class
#: The first month of the season, such as "2021-06"; only where a language model is asked, for no other engine reads it.
SEASON = "season"
SITUATION_COLUMNS = (DAY_TYPE, RAMADAN, EPIDEMIC, RESTRICTED_DAYS)


@runtime_checkable
class ResponseEngine(Protocol):
    """Answers P personas × C contexts with probabilities of B behaviours.

    `name` and `version` identify the engine on every figure made with it; `model_id` is the provider's model where
    there is one. `parameters` are the engine-wide numbers that calibration may search (empty where there are none).
    Engines hold no state that depends on the order of calls and may be pickled to another process. An engine with a
    true attribute `reads_text` is given the personas' column `text` too.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def model_id(self) -> str | None: ...

    @property
    def parameters(self) -> Mapping[str, float]: ...

    def with_parameters(self, parameters: Mapping[str, float]) -> ResponseEngine:
        """The same engine with these parameters; InputError for an unknown name or a value out of range."""
        ...

    def respond(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
        """Probabilities in [0, 1], float32, shape (personas, contexts, behaviours).

        `personas` has one row per persona with its attributes and traits; `contexts` one row per unique context.
        """
        ...


def with_own(engine: ResponseEngine, parameters: Mapping[str, float]) -> ResponseEngine:
    """The engine with those of the parameters that are its own; the rest are the forecast's."""
    own = {name: value for name, value in parameters.items() if name in engine.parameters}
    return engine.with_parameters(own) if own else engine
