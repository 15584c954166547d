"""The tables of people who were asked. `core.services.people` alone may use them: whatever reads there was granted and logged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.store.connections import rewrite
from core.store.database import Store
from core.store.erasure import erase, own_pieces
from core.store.tables import TableAccess


class RespondentTables(TableAccess):
    """A store's tables, those of respondents included. Takes part in the transaction that its thread is in."""

    respondents = True

    def __init__(self, store: Store) -> None:
        super().__init__(store._shared)
        self.store = store

    def last_log_row(self) -> tuple[int, str] | None:
        """Sequence and hash of the last row of the log, None before the first."""
        with self._fresh_cursor() as cursor:
            current = self._shared.current.cursor or cursor
            rows = current.execute("SELECT sequence, hash FROM audit_log ORDER BY sequence DESC LIMIT 1").fetchall()
        return (int(rows[0][0]), str(rows[0][1])) if rows else None

    def counts(self) -> tuple[int, ...]:
        """How many rows the tables of people have, in the order of their names: other numbers, another state."""
        names = ("answers", "consents", "interviews", "items", "subjects", "turns", "withdrawals")
        parts = [*(f"(SELECT count(*) FROM {name})" for name in names), "(SELECT count(ended_at) FROM withdrawals)"]  # noqa: S608
        with self._fresh_cursor() as cursor:
            (row,) = cursor.execute(f"SELECT {', '.join(parts)}").fetchall()
        return tuple(map(int, row))

    def own_pieces(self, subject_id: str) -> tuple[str, ...]:
        """What this person alone said, in pieces that can be looked for."""
        with self._fresh_cursor() as cursor:
            return own_pieces(cursor, subject_id)

    def erase(self, subject_id: str, said: Sequence[str], stand_in: str) -> Counter[str]:
        """Delete what is the person's in every table, in the transaction that this thread is in or one by itself."""
        with self.transaction() as cursor:
            return erase(cursor, subject_id, said, stand_in)

    def rewrite_file(self) -> None:
        """Write the file anew, without what deleted rows left in it, under all who have it open. Raises as `rewrite`."""
        rewrite(self._shared)
