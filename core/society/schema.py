"""The JSON schema of scenario files, made from the models that read them; it ships in `data/society/schema/`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from core.society.levers import POLICIES, SHOCKS
from core.society.scenario import FORMAT, Add, Remove, Scenario, Set
from core.society.shipped import shipped_scenarios

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def scenario_schema() -> dict[str, Any]:
    """Draft 2020-12. What no schema says (places and districts that exist, days in order) the reader checks besides."""
    models: list[type[BaseModel]] = [Scenario, Add, Remove, Set, *POLICIES.values(), *SHOCKS.values()]
    references, defined = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )

    def reference(model: type) -> dict[str, Any]:
        found: dict[str, Any] = references[model, "validation"]
        return found

    def of_kinds(kinds: Mapping[str, type]) -> dict[str, Any]:
        return {"oneOf": [reference(model) for model in kinds.values()]}

    parts = defined["$defs"]
    root = parts.pop("Scenario")
    properties = root["properties"]
    for key, kinds in (("levers", POLICIES), ("shocks", SHOCKS)):
        properties[key] |= {"items": of_kinds(kinds)}
    parts.pop("Lever", None)
    parts["Add"]["properties"]["add"] = of_kinds({**POLICIES, **SHOCKS})
    properties["extends"] = {
        "description": "A shipped scenario that has the keys which are left out here.", "enum": list(shipped_scenarios()),
    }  # fmt: skip
    # Who extends another need not repeat what is needed.
    needed = {"if": {"not": {"required": ["extends"]}}, "then": {"required": root.pop("required")}}
    return {
        "$schema": DRAFT,
        "title": f"A scenario of the society lab ({FORMAT})",
        **_plain(root),
        **needed,
        "$defs": parts,
    }


def _plain(root: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in root.items() if key != "title"} | {"required": ["format"]}


def schema_text() -> str:
    """The schema as it ships."""
    return json.dumps(scenario_schema(), indent=1, ensure_ascii=False) + "\n"
