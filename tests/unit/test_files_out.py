"""What is written for a user is there whole or not at all, and nothing of anybody else's is replaced."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from core.cli import main
from core.errors import DiskFull, InputError
from core.files_out import written_whole


def is_ours(path: Path) -> bool:
    return path.read_bytes().startswith(b"ours")


def write(path: Path, text: str = "ours, new") -> None:
    with written_whole(path, "a list of ours", is_ours) as beside:
        assert beside.parent == path.resolve().parent
        beside.write_text(text)


def test_a_new_file_is_its_owners_alone_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / ("x" * 250)
    write(path)
    assert path.read_text() == "ours, new" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_file_of_ours_is_replaced_through_a_link_too(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_text("ours, old")
    link.symlink_to(path)
    write(link)
    assert link.is_symlink() and path.read_text() == "ours, new"


def other_file(path: Path) -> None:
    path.write_text("my thesis")


def empty_file(path: Path) -> None:
    path.touch()


def folder(path: Path) -> None:
    path.mkdir()


def link_to_folder(path: Path) -> None:
    path.symlink_to(path.parent)


def link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_other_file(path: Path) -> None:
    (path.parent / "thesis").write_text("my thesis")
    path.symlink_to("thesis")


def bound_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the whole path may be longer than a socket's name can be
    try:
        with socket.socket(socket.AF_UNIX) as item:
            item.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (other_file, "is not a list of ours"),
        (empty_file, "is not a list of ours"),
        (link_to_other_file, "is not a list of ours"),
        (folder, "is a folder"),
        (link_to_folder, "is a folder"),
        (link_to_device, "is a device"),
        (os.mkfifo, "is a pipe"),
        (bound_socket, "is a socket"),
    ],
)
def test_what_is_not_ours_stays(make: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "target"
    make(path)  # type: ignore[operator]
    before, names = os.lstat(path), sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=said):
        write(path)
    after = os.lstat(path)
    assert (after.st_ino, after.st_mode, after.st_size) == (before.st_ino, before.st_mode, before.st_size)
    assert sorted(tmp_path.iterdir()) == names


def test_what_came_while_it_was_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with (
        pytest.raises(InputError, match="is there already"),
        written_whole(path, "a list of ours", is_ours) as beside,
    ):
        beside.write_text("ours")
        path.write_text("my thesis")
    assert path.read_text() == "my thesis" and list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("ours, old")
    for wrong, expected in ((OSError(28, "No space left on device"), DiskFull), (ValueError("x"), ValueError)):
        with (
            pytest.raises(expected, match=r"disk is full|x"),
            written_whole(path, "a list of ours", is_ours) as beside,
        ):
            beside.write_text("ours, half")
            raise wrong
    assert path.read_text() == "ours, old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match="cannot be written"):
        write(path / "below")


def test_an_export_of_answers_leaves_pipes_and_other_files_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe, thesis, cache, db = (tmp_path / name for name in ("pipe", "thesis.txt", "answers.parquet", "s.duckdb"))
    os.mkfifo(pipe)
    thesis.write_text("my thesis")
    for path, said in ((pipe, "is a pipe"), (thesis, "is not a cache of answers"), (tmp_path, "is a folder")):
        assert main(["cache", "export", str(path), "--db", str(db)]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and said in err and str(path) in err
    assert stat.S_ISFIFO(os.lstat(pipe).st_mode) and thesis.read_text() == "my thesis"
    for _ in range(2):  # a cache is replaced by the next
        assert main(["cache", "export", str(cache), "--db", str(db)]) == 0
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
