"""Files for users, written whole or not at all: beside their place under another name, then renamed.

What stands at the place already is replaced only where it is a regular file of the kind that is written. A device, a
pipe or a folder, or a link to one, is none, and another file is somebody's work.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import DiskFull, InputError

#: The name beside the place begins so, and is short: a name that just fits would not with anything added.
_PREFIX = ".policytwin-"


@contextmanager
def written_whole(path: Path, what: str, ours: Callable[[Path], bool]) -> Iterator[Path]:
    """The name to write to; when the block ends without an error, that file is at `path`, and readable by its owner alone.

    `what` is written, in words with an article ("a cache of answers"). `ours` says of a regular file whether it is one, and
    so may be replaced; a link is followed. Folders on the way are made. Raises InputError where something else stands at
    `path`, before the block and again at its end, and where the file cannot be written, OSErrors of the block included;
    DiskFull where there is no room for it.
    """
    try:
        _check(path, what, ours)
        place = Path(os.path.realpath(path))
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=_PREFIX)
        try:
            os.close(handle)
            yield Path(name)
            _to_disk(name)
            _check(path, what, ours)
            os.replace(name, place)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as wrong:
        if is_full(wrong):
            raise DiskFull(str(path)) from None
        raise InputError(
            f"{what} cannot be written there ({wrong.strerror or wrong})",
            where=str(path),
            allowed="a file in a folder that can be written to",
        ) from None


@contextmanager
def written_together(folder: Path, what: str, ours: Callable[[Path], bool]) -> Iterator[Path]:
    """An empty folder to write files to; when the block ends without an error, all of them are in `folder`, else none.

    `what` is written, in words with an article. `ours` says of `folder` whether an earlier one of the same is in it, whose
    files may be replaced; other files in it stay, and one of a name that is to be written is not replaced. Raises
    InputError then and where the files cannot be written, OSErrors of the block included; DiskFull where there is no room.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"is {_kind(os.stat(folder).st_mode)}", where=str(folder), allowed=f"a folder for {what}")
        base = folder if folder.is_dir() else folder.parent
        base.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=base, prefix=_PREFIX) as temporary:
            stage = Path(temporary) / "stage"
            stage.mkdir()
            yield stage
            names = sorted(item.name for item in stage.iterdir())
            for name in names:
                _to_disk(str(stage / name))
            if not folder.exists():
                stage.rename(folder)
                return
            taken = [name for name in names if os.path.lexists(folder / name)]
            if taken and not ours(folder):
                raise InputError(
                    f"{taken[0]} is there already, and is not of {what}",
                    where=str(folder),
                    allowed="a new or empty folder, or one that the same command wrote",
                )
            for name in taken:
                if not stat.S_ISREG(os.lstat(folder / name).st_mode):
                    raise InputError("is no plain file, and would be replaced", where=str(folder / name))
            for name in names:
                os.replace(stage / name, folder / name)
    except OSError as wrong:
        if is_full(wrong):
            raise DiskFull(str(folder)) from None
        raise InputError(
            f"{what} cannot be written there ({wrong.strerror or wrong})",
            where=str(folder),
            allowed="a folder that can be written to",
        ) from None


def is_full(wrong: OSError) -> bool:
    """Whether there was no room, on the disk or in the user's share of it. PyArrow tells it in words alone."""
    return wrong.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(wrong)


def _check(path: Path, what: str, ours: Callable[[Path], bool]) -> None:
    """InputError where `path` is something that must stay."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise InputError(
            f"is {_kind(mode)}, and would be replaced", where=str(path), allowed=f"a new file, or {what} to replace"
        )
    if not ours(path):
        raise InputError(
            f"is there already, and is not {what}", where=str(path), allowed=f"a new file, or {what} to replace"
        )


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISREG, "a file"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in kinds if test(mode)), "no file")


def _to_disk(name: str) -> None:
    """Else a machine that loses power just after the renaming could keep the name of a file and nothing in it."""
    handle = os.open(name, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
