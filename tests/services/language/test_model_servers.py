"""Which servers a visitor may have asked, and what is said of keys."""

from __future__ import annotations

import pytest

from core.errors import InputError
from core.services.language.servers import (
    SERVERS_VARIABLE,
    adopt_servers,
    checked_server,
    in_links,
    key_state,
    listed_servers,
    seen_from_here,
)

LISTED = "https://models.example.com/v1"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SERVERS_VARIABLE, "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("served", "headers", "here"),
    [
        ("127.0.0.1", {"Host": "127.0.0.1:8501"}, True),
        ("localhost", {"host": "localhost:8501"}, True),
        ("::1", {"Host": "[::1]:8501"}, True),
        ("127.0.0.1", {}, True),
        (None, {"Host": "127.0.0.1:8501"}, False),  # Streamlit then listens on every address
        ("0.0.0.0", {"Host": "127.0.0.1:8501"}, False),
        ("192.168.1.4", {"Host": "192.168.1.4:8501"}, False),
        ("127.0.0.1", {"Host": "twin.example.com"}, False),  # a tunnel, or a proxy that says nothing else
        ("127.0.0.1", {"Host": "127.0.0.1:8501", "X-Forwarded-For": "10.0.0.7"}, False),
        ("127.0.0.1", {"Host": "127.0.0.1:8501", "forwarded": "for=10.0.0.7"}, False),
        ("127.0.0.1", {"Host": "127.0.0.1.example.com"}, False),
    ],
)
def test_who_can_open_the_page(served: str | None, headers: dict[str, str], here: bool) -> None:
    assert seen_from_here(served, headers) is here


def test_what_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked_server("http://127.0.0.1:8000/v1/", from_here=False) == "http://127.0.0.1:8000/v1"
    assert checked_server("https://else.example.com/v1", from_here=True) == "https://else.example.com/v1"
    with pytest.raises(InputError, match=r"else\.example\.com is not among the servers.*" + SERVERS_VARIABLE):
        checked_server("https://else.example.com/v1", from_here=False)
    monkeypatch.setenv(SERVERS_VARIABLE, f" {LISTED}/ ,http://10.0.0.3:8000/v1,")
    assert listed_servers() == (LISTED, "http://10.0.0.3:8000/v1")
    assert checked_server(LISTED, from_here=False) == LISTED
    assert in_links(LISTED) and in_links("http://localhost:1/v1") and not in_links("https://else.example.com/v1")
    for near in (f"{LISTED}/more", "http://models.example.com/v1", "https://models.example.com.evil.example/v1"):
        with pytest.raises(InputError):
            checked_server(near, from_here=False)


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:8000", "ftp://127.0.0.1/v1", "http://a:b-c-d@127.0.0.1/v1", "http://x/?key=b-c-d"]
)
def test_what_is_no_address_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(InputError) as wrong:
        checked_server(address, from_here=True)
    assert "b-c-d" not in str(wrong.value)


def test_a_list_comes_from_secrets_where_the_environment_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVERS_VARIABLE, LISTED)
    adopt_servers({SERVERS_VARIABLE: "http://10.0.0.3/v1"})
    assert listed_servers() == (LISTED,)
    monkeypatch.delenv(SERVERS_VARIABLE)
    adopt_servers({SERVERS_VARIABLE: "http://10.0.0.3/v1", "other": 3})
    assert listed_servers() == ("http://10.0.0.3/v1",)
    monkeypatch.delenv(SERVERS_VARIABLE)


@pytest.mark.parametrize(("engine", "variable"), [("gemini", "GEMINI_API_KEY"), ("openai", "OPENAI_API_KEY")])
def test_a_key_is_yes_or_no(engine: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = key_state(engine)
    assert not missing.present and variable in missing.text and "secrets.toml" in missing.text
    monkeypatch.setenv(variable, "sk-" + "hush" * 8)
    found = key_state(engine)
    assert found.present and ": yes" in found.text and "hush" not in found.text
    monkeypatch.setenv(variable, "two words-hush")
    broken = key_state(engine)
    assert not broken.present and variable in broken.text and "hush" not in broken.text
