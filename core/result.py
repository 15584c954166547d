"""What every kind of result is: one frozen class, with a form in JSON that a store keeps and `--json` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from core.errors import InputError

#: The kinds of result by the kind of run that keeps them; "kind/what" where a kind of run keeps several, told apart by `what`.
RESULTS: dict[str, type[Result]] = {}


def result_class(kind: str, raw: Mapping[str, Any]) -> type[Result] | None:
    """The class of what a run of this kind stored; None where there is none."""
    return RESULTS.get(f"{kind}/{raw.get('what')}") or RESULTS.get(kind)


@dataclass(frozen=True, kw_only=True)
class Result:
    """A kind of result: subclass it as a frozen dataclass, with `kind` as a class argument where a store keeps it, and `what`
    where runs of this kind keep others too: it is then the value of the field of that name.

    Fields are of JSON's own types, dates, other frozen dataclasses, and tuples and mappings of these; none is prose, for
    what a result means is said from it. Fields whose names are those of keys in JSON never change their names. A field
    that earlier versions did not store has a default.
    """

    kind: ClassVar[str] = ""

    def __init_subclass__(cls, kind: str = "", what: str = "", **more: Any) -> None:
        super().__init_subclass__(**more)
        if kind:
            cls.kind = kind
            RESULTS[f"{kind}/{what}" if what else kind] = cls

    def as_dict(self) -> dict[str, Any]:
        """In JSON's own types, as `from_dict` takes it back; None where nothing is known."""
        found: dict[str, Any] = _adapter(self.__class__).dump_python(self, mode="json")
        return found

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """What `as_dict` gave; keys that are no field are left out. InputError where the rest is none of these results."""
        from pydantic import ValidationError

        known = {item.name for item in fields(cls)}
        try:
            found: Self = _adapter(cls).validate_python({name: raw[name] for name in known if name in raw})
        except ValidationError as wrong:
            first = wrong.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"is no {cls.kind or cls.__name__} as this version knows it ({place}: {first['msg'].lower()})",
                where="stored result",
                allowed="a new run",
            ) from None
        return found

    @classmethod
    def of_store(cls, summary: Mapping[str, Any], table: Callable[[str], Any]) -> Self:
        """From what the store holds of a run: its summary, and by `table` its rows of a table, where the summary lacks them."""
        return cls.from_dict(summary)


_ADAPTERS: dict[str, Any] = {}


def _adapter(kind: type[Result]) -> Any:
    from pydantic import TypeAdapter

    name = f"{kind.__module__}.{kind.__qualname__}"
    if name not in _ADAPTERS:
        _ADAPTERS[name] = TypeAdapter(kind)
    return _ADAPTERS[name]
