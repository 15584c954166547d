"""How fast it is, how much memory it takes, and what a store bears."""

from __future__ import annotations

from core.report.document import Document, Paragraph, Table
from core.services.benchmarks.engine import BenchResult
from core.services.benchmarks.pages import COLD, SWEEP, WARM, WARM_95, WHAT_IF, PagesResult
from core.services.benchmarks.society import SocietyBenchResult
from core.services.benchmarks.store import BenchStoreResult
from core.services.benchmarks.twins import BenchTwinsResult


def bench_document(result: BenchResult) -> Document:
    """Measured speed and memory."""
    rows = tuple((item.what, f"{item.personas:,}", item.seconds, item.peak_memory_mb) for item in result.figures)
    return Document(
        f"How fast is {result.study} on this machine?",
        (
            Paragraph(f"{result.machine}; medians of {result.repeat}."),
            Table(("What", "Personas", "Seconds", "Peak MB"), rows),
        ),
    )


def bench_twins_document(result: BenchTwinsResult) -> Document:
    """Measured speed and memory of calibrating."""
    rows = tuple((item.what, item.seconds, item.cpu_seconds, item.peak_memory_mb) for item in result.figures)
    return Document(
        f"How fast are {result.people:,} twins of {result.questions} questions calibrated on this machine?",
        (
            Paragraph(
                f"{result.machine}; every question predicted as if people had not answered it, after reading the tables."
            ),
            Table(("What", "Seconds", "CPU seconds", "Peak MB"), rows, digits=1),
        ),
    )


def bench_society_document(result: SocietyBenchResult) -> Document:
    """Measured speed and memory of the society, by its size."""
    rows = tuple(
        (f"{item.households:,}", f"{item.agent_steps_per_cpu_second:,.0f}", f"{item.person_days_per_cpu_second:,.0f}",
         f"{item.microseconds_per_agent_step:.3f}", f"{item.cpu_seconds:.2f}", f"{item.seconds:.2f}",
         f"{item.setup_cpu_seconds:.2f}", f"{item.peak_memory_mb:.0f}")
        for item in result.figures
    )  # fmt: skip
    return Document(
        "How fast is the society on this machine?",
        (
            Paragraph(
                f"{result.machine}; {result.scenario}, {result.days} days of hourly steps, everything recorded, each size in a "
                f"process of its own (medians of {result.repeat}). Covasim 3.1.9 does "
                f"{result.covasim_person_days_per_cpu_second:,.0f} person-days a CPU-second at 100,000 people."
            ),
            Table(
                ("Households", "Agent-steps a CPU-second", "Person-days a CPU-second", "µs an agent-step", "CPU seconds",
                 "Seconds", "Set up (CPU s)", "Peak MB"), rows,
            ),
        ),
    )  # fmt: skip


def bench_pages_document(result: PagesResult) -> Document:
    """Seconds of every view, and what was promised."""
    rows = tuple((item.view, item.cold, item.warm, item.slowest) for item in result.views)
    done = tuple((what, seconds) for what, seconds in result.actions.items())
    return Document(
        f"How fast are the pages of {result.study} with {result.runs} runs in the store?",
        (
            Paragraph(
                f"{result.machine}; Chromium, 1280 × 800. From starting the program to its first page: {result.start:.1f} s."
            ),
            Paragraph(
                f"Warm reruns: {result.warm:.2f} s at the median ({WARM:g} promised), {result.warm_95:.2f} s at the 95th "
                f"percentile ({WARM_95:g} promised). Promised of a cold link: {COLD:g} s; of a new what-if {WHAT_IF:g} s; of a "
                f"sweep {SWEEP:g} s."
            ),
            Table(("View", "Cold link", "Rerun, median", "Rerun, slowest"), rows),
            Table(("What is done", "Seconds"), done),
        ),
    )


def bench_store_document(result: BenchStoreResult) -> Document:
    """How often kills and damage ended how."""
    kills, flips = result.kills, result.flips
    short = kills.kills < kills.asked or flips.flips < flips.asked
    ended = f"Ended early, see --minutes: {kills.kills} of {kills.asked} kills, {flips.flips} of {flips.asked} bytes."
    return Document(
        "What do kills and damaged bytes do to a store?",
        (
            Paragraph(
                f"{kills.kills} times killed: {kills.resumed} resumed, {kills.complete} complete already, {kills.begun_anew} "
                f"begun anew, {kills.refused} refused; {kills.doubled} doubled, {kills.other_result} with another result, "
                f"{kills.rows_lost} with rows lost, {kills.tracebacks} tracebacks."
            ),
            Paragraph(
                f"{flips.flips} bytes flipped, one in each block of {flips.block_bytes:,} bytes: {flips.said_damaged} said "
                f"damaged, {flips.harmless} harmless, {flips.wrongly_said} wrongly said, {flips.tracebacks} tracebacks; of "
                f"those damaged, {flips.restored_whole} restored whole, {flips.restored_in_part} in part, "
                f"{flips.not_restored} not."
            ),
            *((Paragraph(ended, "caution"),) if short else ()),
            Paragraph(f"It took {result.seconds:.0f} s."),
        ),
    )
