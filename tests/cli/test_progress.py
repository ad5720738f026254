import io

import pytest

from export_robots.progress import LiveLines, PlainLines, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_one_plain_line_for_each_step() -> None:
    out = io.StringIO()
    shown = progress(out)
    assert isinstance(shown, PlainLines)
    shown.started("sign in")
    shown.finished("sign in", 1.26)
    shown.note("the session has ended")
    shown.close()
    assert out.getvalue() == "sign in (1.3 s)\nthe session has ended\n"


def test_a_terminal_gets_a_tick_for_what_is_done_and_a_cross_for_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    shown = progress(out)
    assert isinstance(shown, LiveLines)
    shown.started("sign in")
    shown.finished("sign in", 0.5)
    shown.started("set [the] dates")
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        shown.finished("set [the] dates", 75.0)
    shown.close()
    text = out.getvalue()
    assert "✓" in text
    assert "✗" in text
    assert "set [the] dates" in text
    assert "1 min 15 s" in text
    assert "\x1b[32m" in text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    shown = progress(out)
    shown.started("sign in")
    shown.finished("sign in", 0.5)
    shown.close()
    assert "\x1b[32m" not in out.getvalue()


def test_a_terminal_that_can_do_nothing_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress(Terminal()), PlainLines)
