"""What is at work, in a line each for the sidebar."""

from __future__ import annotations

import streamlit as st

from core.services.dashboard.jobs import JobManager

#: Kinds of jobs, as the sidebar names them.
JOB_WORDS = {
    "run": "a run",
    "ask": "a question to the personas",
    "survey_correction": "correcting answers",
    "survey_calibration": "calibrating twins",
    "survey_prediction": "predicting a question",
    "donors": "donor places",
    "known_effects": "published effects",
    "country_forecast": "a country's curve",
    "ablations": "parts left out",
    "worlds": "known worlds",
    "society": "a society",
    "groups": "groups of people",
    "backtest": "all countries",
    "persona_audit": "persona audit",
    "audit": "what else moves with the policy",
    "what-if": "asking about other policies",
}


def job_lines(jobs: JobManager) -> None:
    """Each job of this server that waits, is at work, or was cut off."""
    for job in jobs.all():
        name = JOB_WORDS.get(job.kind, job.kind)
        if job.place:
            st.caption(f":material/hourglass_empty: Waiting, place {job.place} in the queue: {name}")
        elif job.active:
            st.caption(f":material/hourglass_top: At work: {name}")
        elif job.cut_off:
            st.caption(
                f":material/power_off: Cut off when PolicyTwin ended: {name}, begun {job.began_at:%-d %B %H:%M} UTC"
            )
