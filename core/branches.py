"""A tree of what-ifs: each branch is its parent with one change, seen in one world of chance.

The same form holds for policies, people, utterances and information: what a change means is known to whoever applies it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import InputError, one_of


@dataclass(frozen=True)
class Branch:
    """One node. `change` is in JSON's own types, and None for a root; the id follows from parent, change and seed."""

    parent: str | None
    change: Mapping[str, Any] | None
    seed: int
    title: str = ""

    @property
    def branch_id(self) -> str:
        """16 hexadecimal digits; a title is no part of it."""
        content = json.dumps([self.parent, self.change, self.seed], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(content.encode("ascii")).hexdigest()[:16]


@dataclass
class BranchTree:
    """Branches by id, parents before children."""

    branches: dict[str, Branch] = field(default_factory=dict)

    def add(
        self, change: Mapping[str, Any] | None = None, *, parent: str | None = None, seed: int = 0, title: str = ""
    ) -> Branch:
        """A branch under `parent`, or a root; one that is there already is returned. InputError for an unknown parent."""
        if parent is not None:
            one_of(parent, list(self.branches), what="branch")
        elif change is not None:
            raise InputError("a root has no change", allowed="a parent for a change")
        branch = Branch(parent, change, seed, title)
        return self.branches.setdefault(branch.branch_id, branch)

    def path(self, branch_id: str) -> tuple[Branch, ...]:
        """From the root to this branch."""
        one_of(branch_id, list(self.branches), what="branch")
        found = [self.branches[branch_id]]
        while found[0].parent is not None:
            found.insert(0, self.branches[found[0].parent])
        return tuple(found)

    def changes(self, branch_id: str) -> tuple[Mapping[str, Any], ...]:
        """The changes that lead from the root to this branch, in order."""
        return tuple(branch.change for branch in self.path(branch_id) if branch.change is not None)

    def children(self, branch_id: str) -> Iterator[Branch]:
        """The branches directly under this one, in the order in which they were added."""
        return (branch for branch in self.branches.values() if branch.parent == branch_id)

    def as_rows(self) -> list[dict[str, Any]]:
        """One row for each branch: id, parent, change, seed, title."""
        return [
            {"branch_id": key, "parent": one.parent, "change": one.change, "seed": one.seed, "title": one.title}
            for key, one in self.branches.items()
        ]

    @classmethod
    def from_rows(cls, rows: list[Mapping[str, Any]]) -> BranchTree:
        """What `as_rows` gave; the ids are made anew and must be the same. InputError where one is not."""
        tree = cls()
        for row in rows:
            branch = tree.add(row["change"], parent=row["parent"], seed=int(row["seed"]), title=str(row["title"]))
            if branch.branch_id != row["branch_id"]:
                raise InputError(f"branch {row['branch_id']} is not what its change says", where="stored branches")
        return tree
