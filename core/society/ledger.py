"""Where money and goods are: every payment goes from one account to another, and nothing comes from nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from core.errors import PolicyTwinError


class Purpose(IntEnum):
    """What a payment is for, and who pays whom (payer, payee)."""

    wages = 0
    benefits = 1
    income_tax = 2
    rent = 3
    other = 4
    sales = 5
    sales_tax = 6
    subsidy = 7
    voucher = 8
    transfer = 9
    wholesale = 10
    staff = 11
    profit = 12
    fares = 13
    exports = 14


#: Who pays whom for what: households, places, the government, employers and the rest of the world (outside).
PARTIES: dict[Purpose, tuple[str, str]] = {
    Purpose.wages: ("employers", "households"),
    Purpose.benefits: ("government", "households"),
    Purpose.income_tax: ("households", "government"),
    Purpose.rent: ("households", "outside"),
    Purpose.other: ("households", "outside"),
    Purpose.sales: ("households", "places"),
    Purpose.sales_tax: ("households", "government"),
    Purpose.subsidy: ("government", "places"),
    Purpose.voucher: ("government", "places"),
    Purpose.transfer: ("government", "households"),
    Purpose.wholesale: ("places", "outside"),
    Purpose.staff: ("places", "employers"),
    Purpose.profit: ("places", "outside"),
    Purpose.fares: ("households", "outside"),
    Purpose.exports: ("outside", "employers"),
}


class InvariantBroken(PolicyTwinError):
    """Money or goods were made or lost: a defect of the model."""


@dataclass(eq=False)
class Ledger:
    """Whole cents of households (N) and places (S); the government, employers and the rest of the world may owe.
    `flows` are cents since the start by purpose; goods are counted in units, meals of restaurants as one more good."""

    cash: NDArray[np.int64]
    till: NDArray[np.int64]
    voucher: NDArray[np.int64]
    accounts: dict[str, int]
    total: int
    flows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(Purpose), np.int64))
    first: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    delivered: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    eaten: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    spoiled: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def begin(cls, cash: NDArray[np.int64], till: NDArray[np.int64]) -> Ledger:
        accounts = {"government": 0, "employers": 0, "outside": 0}
        return cls(cash, till, np.zeros(len(cash), np.int64), accounts, int(cash.sum() + till.sum()))

    def count_first(self, stock: NDArray[np.int64], pantry: NDArray[np.int16], restaurants: int) -> None:
        """Goods in shops and homes before the first step; meals are the last entry."""
        self.first = np.append(
            stock[restaurants:].sum(axis=0) + pantry.sum(axis=0, dtype=np.int64), stock[:restaurants, 0].sum()
        )
        self.delivered, self.eaten, self.spoiled = (np.zeros(len(self.first), np.int64) for _ in range(3))

    def note(self, purpose: Purpose, cents: int) -> None:
        """Count a payment whose household or place side was booked; the other side, where it is one account, is booked here."""
        self.flows[purpose] += cents
        payer, payee = PARTIES[purpose]
        if payer in self.accounts:
            self.accounts[payer] -= cents
        if payee in self.accounts:
            self.accounts[payee] += cents

    def check(self, stock: NDArray[np.int64], pantry: NDArray[np.int16], restaurants: int) -> None:
        """InvariantBroken where a cent or a unit is missing, or somebody has less than nothing."""
        now = int(self.cash.sum() + self.till.sum()) + sum(self.accounts.values())
        if now != self.total:
            raise InvariantBroken(f"money: {now - self.total:+d} cents came from nothing")
        for name, held in (
            ("cash", self.cash),
            ("till", self.till),
            ("voucher", self.voucher),
            ("stock", stock),
            ("pantry", pantry),
        ):
            if held.size and held.min() < 0:
                raise InvariantBroken(f"{name}: entry {int(held.argmin())} is below nothing")
        there = np.append(
            stock[restaurants:].sum(axis=0) + pantry.sum(axis=0, dtype=np.int64), stock[:restaurants, 0].sum()
        )
        wrong = self.first + self.delivered - self.eaten - self.spoiled - there
        if wrong.any():
            raise InvariantBroken(f"goods: {wrong.tolist()} units were lost")
