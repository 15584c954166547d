"""Pages take what they say of a domain from the study: no sentence of theirs names a measure, a behaviour or a provider."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from core.study import available_studies, load_study

ROOT = Path(__file__).resolve().parents[2]
#: Words of one domain, besides what its studies name.
WORDS = (
    r"covid\w*|pandemics?|epidemics?|lockdowns?|virus\w*|illness\w*|infection\w*|google|oxcgrt|mobility|stringency|"
    r"water\w*|cigarettes?|smok\w+|seat ?belts?"
)
#: A lever's name that is an everyday word too.
EVERYDAY = {"Price"}


def sentences(path: Path) -> list[str]:
    """Literals of more than a word outside docstrings: what may be read on a screen."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in told]
    return [text for text in found if isinstance(text, str) and " " in text.strip() and "{" not in text]


def test_no_sentence_of_a_page_is_of_one_domain() -> None:
    studies = [load_study(name) for name in available_studies()]
    labels = {item.label for study in studies for item in study.behaviours} | {
        name for study in studies for item in study.indicators for name in (item.code, item.name)
    }
    labels = {name for name in labels if len(name) > 1} - EVERYDAY
    words = re.compile(rf"(?<!\w)({WORDS}|{'|'.join(map(re.escape, sorted(labels)))})(?!\w)", re.IGNORECASE)
    paths = [ROOT / "app.py", *(ROOT / "pages").rglob("*.py")]
    found = {
        (path.relative_to(ROOT).as_posix(), match[0].lower())
        for path in paths
        for text in sentences(path)
        for match in words.finditer(text)
    }
    assert not found


def test_the_search_finds_a_word_of_a_domain(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text('"""Of the pandemic."""\nst.write("In the pandemic schools close.")\nx = "pandemic"\n')
    assert sentences(page) == ["In the pandemic schools close."]
    with pytest.raises(SyntaxError):
        page.write_text("(")
        sentences(page)
