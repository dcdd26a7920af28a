"""What is printed: messages on one line, results as lines, and nothing that a terminal obeys."""

import io
import logging
import sys

import pytest
from tqdm import tqdm

from keras_sentiment import messages

pytestmark = pytest.mark.once

HOSTILE = "\x1b]0;PWNED\x07\x1b[2J\u202e\x9b\r\nsecond"
TOLD = r"\x1b]0;PWNED\x07\x1b[2J\u202e\x9b\r\nsecond"


def test_a_message_is_one_line_above_the_bar(capfd):
    with tqdm(total=2, desc="reading") as bar:
        bar.update()
        messages.tell(HOSTILE)
    lines = capfd.readouterr().err.replace("\r", "\n").split("\n")
    assert TOLD in lines


def test_results_are_lines(capfd):
    messages.show(f"one\n{HOSTILE.replace(chr(10), '')}")
    assert capfd.readouterr().out == "one\n" + TOLD.replace(r"\n", "") + "\n"


def test_a_result_in_letters_that_the_stream_lacks(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    messages.show("très bien")
    assert stream.buffer.getvalue() == rb"tr\xe8s bien" + b"\n"


def test_what_libraries_print_is_escaped(capsys):
    with messages.escaped_messages():
        sys.stderr.write(f"a\tb {HOSTILE}\n")
        sys.stderr.writelines(["\x1b", "x"])
    # Line ends are left: a bar of progress has its own.
    assert capsys.readouterr().err == "a\tb " + TOLD.replace(r"\r\n", "\r\n") + "\n" + r"\x1bx"


def test_a_log_has_a_line_a_record_and_its_traceback():
    formatter = messages.LogLines("%(levelname)s %(message)s")
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%s", (HOSTILE,), None)
    assert formatter.format(record) == f"INFO {TOLD}"
    try:
        raise ValueError("why")
    except ValueError:
        record.exc_info = sys.exc_info()
    assert formatter.format(record).splitlines()[-1] == "ValueError: why"
