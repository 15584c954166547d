"""The engine that follows documented rules and asks nobody."""

from __future__ import annotations

from core.cognition.coefficients import load_coefficients
from core.cognition.registry import DEFAULT_ENGINE, ENGINES, EngineKind
from core.cognition.rules import PARAMETERS, RulesEngine
from core.study import Study


def rules_engine(study: Study) -> RulesEngine:
    return RulesEngine.for_study(study, load_coefficients(study.coefficients_file))


ENGINES.register(
    EngineKind(
        name=DEFAULT_ENGINE,
        order=10,
        title="Rules (offline)",
        label="rules engine (offline behavioural model, not a language model)",
        short="rules engine, not a language model",
        help="A documented behavioural model with published and assumed coefficients. It is not a language model: it needs no "
        "key, costs nothing, and gives no reasons.",
        make=rules_engine,
        parameters=PARAMETERS,
    )
)
