"""How a run that does not come to its end is kept, the same for every kind of run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.cognition.llm.budget import BudgetReached
from core.cognition.llm.engine import AnswersMissing
from core.cognition.llm.secret_text import without_secrets
from core.cognition.llm.types import QuotaExhausted, RateLimited, Unavailable
from core.errors import Cancelled, PolicyTwinError
from core.store.database import Store

#: What ends a run early without anything being wrong with it: the same command goes on from there.
MAY_GO_ON = (AnswersMissing, BudgetReached, QuotaExhausted, RateLimited, Unavailable)


@contextmanager
def ending_kept(store: Store, run_id: str) -> Iterator[None]:
    """Marks the run with what ended it, and raises that: "cancelled" where it was stopped; "interrupted" where the same
    command goes on, or the process was told to end; else "failed". A run that is complete by then stays so."""
    try:
        yield
    except Cancelled as stopped:
        store.end_early(run_id, "cancelled", str(stopped))
        raise
    except BaseException as wrong:
        # A key pressed, a process told to end, or a cap that was reached, is no failure of the work.
        status = "failed" if isinstance(wrong, Exception) and not isinstance(wrong, MAY_GO_ON) else "interrupted"
        said = str(wrong) if isinstance(wrong, PolicyTwinError) else f"{type(wrong).__name__}: {wrong}".rstrip(": ")
        store.end_early(run_id, status, without_secrets(said))
        raise
