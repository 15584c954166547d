"""What is said of the store's file, of the runs in it, and of those that are made again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from humanize import naturalsize

from core.report.document import Document, Items, Paragraph
from core.report.renderers.terminal import table_text
from core.store.upkeep import Restored, StoreCheck

if TYPE_CHECKING:
    # Lists of runs do not wait for what makes them again.
    from core.services.library.archive import ListedRun
    from core.services.library.reruns import Rerun
    from core.store.runs import StoredRun


def check_document(found: StoreCheck) -> Document:
    """The file, each table that cannot all be read, and what to do."""
    tables = [item for item in found.tables if item.rows]
    if found.sound:
        rows = sum(item.rows for item in tables)
        return Document(
            f"{found.path} is sound: {naturalsize(found.bytes)}, {rows:,} rows in {len(tables)} tables.", ()
        )
    lines = []
    if found.damaged:
        places = ", ".join(f"{place:,}" for place in found.damaged[:10])
        lines.append(f"Damaged parts begin at byte {places}{' …' if len(found.damaged) > 10 else ''}.")
    if not found.opens:
        lines.append("It cannot be opened as it is.")
    lines += [f"{item.name}: {item.copied:,} of {item.rows:,} rows can be read" for item in tables if not item.whole]
    return Document(f"{found.path} is damaged.", (Items(tuple(lines)), Paragraph(_advice(found), "caution")))


def _advice(found: StoreCheck) -> str:
    restore = f"`policytwin store restore {found.path} --db {found.path}` saves"
    if not found.opens:
        kept = "what it can and keeps this file under another name"
        return f"{restore} {kept}. Where it can save nothing, restore a backup."
    if all(table.whole for table in found.tables):
        return (
            "Every row can be read: free space or an index is damaged. `policytwin store compact` writes the file anew."
        )
    return f"{restore} the rows that can be read and keeps this file under another name. Or restore a backup."


def restore_document(done: Restored) -> Document:
    """What was saved, what was lost, and where the old file is."""
    saved, rows = (sum(getattr(item, name) for item in done.tables) for name in ("copied", "rows"))
    lines = [
        "A damaged byte was put right from the checksum." if done.mended else "",
        "What was written last was damaged and is lost." if done.log_lost else "",
        f"No longer complete, make them again: {', '.join(done.losses.runs)}." if done.losses.runs else "",
        f"Gone, because a part of them was: {', '.join(done.losses.gone)}." if done.losses.gone else "",
        f"The file that stood there is now {done.kept}." if done.kept else "",
    ]
    lost = f", {rows - saved:,} lost" if rows > saved else ""
    return Document(
        f"Restored {done.path} from {done.source}: {saved:,} rows{lost}.", (Items(tuple(filter(None, lines))),)
    )


def rerun_document(found: Rerun) -> Document:
    """Whether a run that was made again gave the same, and what has changed."""
    then = f"{found.result_hash[:16]}…"
    now = "it could not be made again" if found.again is None else f"now {found.again[:16]}…"
    said = f"the same result ({then})" if found.same else f"not the same result. Then {then}, {now}."
    changes = [f"Changed since: {item}" for item in found.changes]
    if not found.same and not changes:
        changes = ["Nothing that is on record has changed: this is a defect, or another machine's arithmetic."]
    lines = (*changes, *found.notes, f"{found.seconds:.1f} s")
    return Document(f"{found.run_id}: {said}", (Items(lines),))


def runs_text(values: Sequence[ListedRun]) -> str:
    """The list of runs."""
    if not values:
        return "No runs yet."
    rows = [
        (f"{'★ ' * item.starred}{item.name}", item.run_id, item.kind, item.study, item.status, item.created_at)
        for item in values
    ]
    head = ["Name", "Run", "Kind", "Study", "Status", "Created (UTC)"]
    named = any(row[0] for row in rows)
    return table_text(head if named else head[1:], rows if named else [row[1:] for row in rows])


def show_text(run: StoredRun, said: str = "") -> str:
    """One run: what it found (`said`), where there is a document of that, then its record."""
    lines = [f"{run.run_id}: {run.record.kind} of {run.record.study_id}, {run.status}"]
    lines += ["", said] if said else []
    lines += ["", f"Made again from this store: {run.rerun}"] if run.rerun else []
    lines += ["", *(f"{name}: {value}" for name, value in run.as_dict()["record"].items())]
    return "\n".join(lines)
