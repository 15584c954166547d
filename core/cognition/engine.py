"""What every cognitive engine promises, whether it follows rules or asks a language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Protocol, Self, cast, runtime_checkable

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.registry import Parameter

#: Columns of a context besides one level per indicator ("C1") and one flag per flagged indicator ("C1_Flag").
DAY_TYPE = "day_type"  # one of core.policy.calendar.DAY_TYPES
RAMADAN = "ramadan"  # bool
EPIDEMIC = "epidemic"  # 0 low, 1 moderate, 2 high
RESTRICTED_DAYS = "restricted_days"  # days that restrictions have lasted, rounded to a class
#: With this after a lever's code: how much of its effect there is, where that does not follow its level at once.
EFFECT = "_Effect"
#: With this after a context variable's code: which of its classes holds, from 0 for the ordinary one.
CONTEXT = "_Context"
#: The first month of the season, such as "2021-06"; only where a language model is asked, for no other engine reads it.
SEASON = "season"
SITUATION_COLUMNS = (DAY_TYPE, RAMADAN, EPIDEMIC, RESTRICTED_DAYS)


@runtime_checkable
class ResponseEngine(Protocol):
    """Answers P personas × C contexts with probabilities of B behaviours; an engine is most easily a subclass of `Engine`.

    `name` and `version` identify the engine on every figure made with it; `model_id` is the provider's model where
    there is one, and `prompt_version` its prompts. `parameters` are the engine-wide numbers that calibration may search
    inside `bounds` (both empty where there are none). `asks_model` says whether answers are a language model's, and
    `description` how that is asked, in JSON's types. With `reads_text` it is given the personas' column `text` too.
    Engines hold no state that depends on the order of calls and may be pickled to another process.
    """

    reads_text: bool
    asks_model: bool

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def model_id(self) -> str | None: ...

    @property
    def prompt_version(self) -> str | None: ...

    @property
    def parameters(self) -> Mapping[str, float]: ...

    @property
    def bounds(self) -> Mapping[str, tuple[float, float]]: ...

    @property
    def description(self) -> Mapping[str, Any]: ...

    def with_parameters(self, parameters: Mapping[str, float]) -> ResponseEngine:
        """The same engine with these parameters; InputError for an unknown name or a value out of range."""
        ...

    def respond(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
        """Probabilities in [0, 1], float32, shape (personas, contexts, behaviours).

        `personas` has one row per persona with its attributes and traits; `contexts` one row per unique context.
        """
        ...


class Engine:
    """A base for engines. A subclass has `name` and `version`, and responds; where it has parameters it is a frozen dataclass
    with a field for each and says in `searched` between which bounds calibration may choose them. Those in `unused` mean nothing
    in the study at hand."""

    name: str
    reads_text = False
    asks_model = False
    searched: ClassVar[Mapping[str, Parameter]] = {}
    unused: tuple[str, ...] = ()

    @property
    def model_id(self) -> str | None:
        return None

    @property
    def prompt_version(self) -> str | None:
        return None

    @property
    def parameters(self) -> Mapping[str, float]:
        return {name: float(getattr(self, name)) for name in self.searched if name not in self.unused}

    @property
    def bounds(self) -> Mapping[str, tuple[float, float]]:
        return {name: (item.low, item.high) for name, item in self.searched.items() if name not in self.unused}

    @property
    def description(self) -> Mapping[str, Any]:
        return {}

    def with_parameters(self, parameters: Mapping[str, float]) -> Self:
        for name, value in parameters.items():
            low, high = self.bounds[one_of(name, self.bounds, what="engine parameter", where=self.name)]
            if not low <= value <= high:
                raise InputError(
                    f"{name} = {value}",
                    where=self.name,
                    allowed=f"{low} to {high}",
                    nearest=str(min(max(value, low), high)),
                )
        return cast(Self, replace(cast(Any, self), **parameters)) if parameters else self

    def respond(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
        raise NotImplementedError


def with_own(engine: ResponseEngine, parameters: Mapping[str, float]) -> ResponseEngine:
    """The engine with those of the parameters that are its own; the rest are the forecast's."""
    own = {name: value for name, value in parameters.items() if name in engine.parameters}
    return engine.with_parameters(own) if own else engine
