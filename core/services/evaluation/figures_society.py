"""What ships of the society lab, measured: arms, ablations, registered directions, the test of posts, stylised facts."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.services.evaluation.figures_parts import Bench, Made, Measure
from core.services.evaluation.shown_results import as_shown
from core.services.society.attention import AttentionRequest, attention
from core.services.society.facts import FactsRequest, measured_facts, society_facts
from core.services.society.requests import AblateRequest, SocietyRequest
from core.services.society.results import SocietyResult
from core.services.society.run import ablate_society, run_society
from core.services.society.shown import SHIPPED, shipped_form


def society_measure(name: str, make: Callable[[Bench], SocietyResult]) -> Measure:
    def measure(bench: Bench) -> Made:
        began = time.perf_counter()
        result = make(bench)
        return time.perf_counter() - began, lambda header: as_shown(shipped_form(result), name, header)

    return measure


def measure_arms(bench: Bench) -> SocietyResult:
    return run_society(SocietyRequest(SHIPPED), bench.store, watch=bench.watch, executor=bench.executor)


def measure_ablations(bench: Bench) -> SocietyResult:
    return ablate_society(AblateRequest(SHIPPED), bench.store, watch=bench.watch, executor=bench.executor)


def measure_signs(bench: Bench) -> SocietyResult:
    return ablate_society(AblateRequest(SHIPPED, signs=True), bench.store, watch=bench.watch, executor=bench.executor)


def measure_attention(bench: Bench) -> Made:
    began = time.perf_counter()
    result = attention(AttentionRequest(SHIPPED), watch=bench.watch, executor=bench.executor)
    return time.perf_counter() - began, lambda header: as_shown(result, SHIPPED, header)


def measure_facts(bench: Bench) -> Made:
    began = time.perf_counter()
    found = society_facts(FactsRequest(), watch=bench.watch, executor=bench.executor)
    return time.perf_counter() - began, lambda header: measured_facts(found, header)
