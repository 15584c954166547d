"""The engines that can be asked for by name, and what is known of each without loading any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import one_of
from core.registry import Kind, Parameter, Registry

if TYPE_CHECKING:
    from core.cognition.engine import ResponseEngine
    from core.study import Study


@dataclass(frozen=True, kw_only=True)
class EngineKind(Kind):
    """An engine that can be asked for by name. `make` gives it for a study, with its `options` by name. `title` is its name
    on a list, `short` its name beneath a figure, `parameters` are those that a calibration searches.

    One that `asks_model` asks a language model through `provider`, which is given the model's specification (see
    `core.cognition.llm.engine.register_model`). One that `replays` gives the answers of another and asks nobody;
    `replayable` says whether its own answers may be replayed. `usual_model` is asked where none is named, and `here` says
    that its models run on this machine, which costs nothing. One that `reads_letters` gives log-probabilities.
    """

    title: str
    short: str
    make: Callable[..., ResponseEngine]
    options: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    provider: Callable[[Any], Any] | None = None
    replays: bool = False
    replayable: bool = False
    usual_model: str = ""
    here: bool = False
    reads_letters: bool = False

    @property
    def asks_model(self) -> bool:
        return self.provider is not None


ENGINES: Registry[EngineKind] = Registry(EngineKind, "engine", "core.cognition.engines", "policytwin.engines")
#: The engine of who names none.
DEFAULT_ENGINE = "rules"
#: The engine that gives again what another has answered.
REPLAY = "replay"


def asks_model(name: str) -> bool:
    """Whether an engine of this name asks a language model; not known, and so not said, of one that is not here."""
    return name in ENGINES and ENGINES[name].asks_model


def replays(name: str) -> bool:
    """Whether an engine of this name gives another's answers and asks nobody."""
    return name in ENGINES and ENGINES[name].replays


def usual_model(name: str) -> str:
    """The model that an engine asks where none is named; "" where one has to be."""
    return ENGINES[name].usual_model if name in ENGINES else ""


def model_engines() -> tuple[str, ...]:
    """The engines that ask a language model."""
    return tuple(name for name in ENGINES if ENGINES[name].asks_model)


def replayable_engines() -> tuple[str, ...]:
    """The engines whose answers can be replayed."""
    return tuple(name for name in ENGINES if ENGINES[name].replayable)


def engine_label(name: str) -> str:
    """How an engine is called wherever a figure is shown."""
    return ENGINES.label(name)


def engine_short(name: str) -> str:
    """How an engine is called beneath a figure, where there is little room."""
    return ENGINES[name].short if name in ENGINES else name


def engine_for(
    study: Study, name: str = DEFAULT_ENGINE, options: Mapping[str, Any] | None = None, **asking: Any
) -> ResponseEngine:
    """The engine of this name for a study; InputError for an unknown one, and for options that it has not.

    One that asks a language model takes `options` in plain types and, in `asking`, its cache and what else concerns how it
    asks: see core.cognition.llm.engine.language_engine.
    """
    kind = ENGINES.named(name)
    for option in options or {}:
        one_of(option, kind.options, what="option", where=f"engine {name}")
    if kind.asks_model:
        return kind.make(study, options=options or {}, **asking)
    return kind.make(study, **(options or {}))
