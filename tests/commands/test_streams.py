"""Streams that are closed or left, arguments that are no text, and Ctrl-C at any moment."""

import os
import signal
import subprocess
import sys
import time

import click
import pytest

from helpers.command_line import ENTRY
from helpers.served import write_artifact
from keras_sentiment.scripts import command_line

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return write_artifact(tmp_path_factory.mktemp("artifact") / "words").path


def shell(line, *arguments):
    """Runs a line of bash, in which `"$@"` is `keras-sentiment` with some arguments."""
    command = [sys.executable, "-c", ENTRY, *map(os.fspath, arguments)]
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line, "bash", *command],
        capture_output=True,
        timeout=120,
        check=False,
    )


CLOSED = b"Error: standard output is closed, and results go there: give it a file, or /dev/null\n"


@pytest.mark.parametrize("command", ["version", "help", "predict", "file"])
def test_closed_and_left_streams(command, artifact, tmp_path):
    (tmp_path / "it.txt").write_text("good film\n" * 3)
    arguments = {
        "version": ["--version"],
        "help": ["--help"],
        "predict": ["predict", artifact, "good film"],
        "file": ["predict", artifact, "--input", tmp_path / "it.txt", "--quiet"],
    }[command]
    whole = shell('"$@"', *arguments)
    assert (whole.returncode, whole.stderr) == (0, b"")
    for line in ('"$@" <&-', '"$@" 2>&-', '"$@" <&- 2>&-', '"$@" 2> >(true)'):
        found = shell(line, *arguments)
        assert (found.returncode, found.stdout, found.stderr) == (0, whole.stdout, b""), line
    for line in ('"$@" >&-', '"$@" <&- >&-'):
        found = shell(line, *arguments)
        assert (found.returncode, found.stdout, found.stderr) == (2, b"", CLOSED), line
    assert shell('"$@" <&- >&- 2>&-', *arguments).returncode == 2
    found = shell('"$@" | true', *arguments)
    assert (found.returncode, found.stderr) == (141, b"")


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path):
    """What is written on a closed standard error would land in the next file that is opened."""
    code = (
        "import os, sys, click\n"
        "from keras_sentiment.scripts.command_line import run_command\n"
        "@click.command()\n"
        "def made():\n"
        f"    file = os.open({str(tmp_path / 'file')!r}, os.O_WRONLY | os.O_CREAT)\n"
        "    for number in (1, 2):\n"
        "        try: os.write(number, b'message')\n"
        "        except OSError: pass\n"
        "run_command(made)\n"
    )
    subprocess.run(["bash", "-c", '"$0" -c "$1" <&- >&- 2>&-', sys.executable, code], timeout=60, check=True)
    assert (tmp_path / "file").read_bytes() == b""


def test_arguments_that_are_no_text(artifact, tmp_path):
    name = b"\xff\x1b[2J"
    for arguments in (
        [name],
        ["predict", name, "good"],
        ["predict", artifact, "--input", name],
        ["predict", artifact, "good", b"--" + name],
        ["evaluate", name, name],
        ["export", name, name],
        ["serve", name],
    ):
        found = shell('"$@"', *arguments)
        assert (found.returncode, found.stdout) == (2, b""), found.stderr
        assert found.stderr.count(b"\n") == 1
        assert found.stderr.decode()[:-1].isprintable()


def call(function, monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["made"])
    with pytest.raises(SystemExit) as stop:
        command_line.run_command(click.command()(function))
    return stop.value.code, *capfd.readouterr()


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)


def plainly():
    interrupt()


def wrapped():
    try:
        interrupt()
    except KeyboardInterrupt:
        raise RuntimeError("a library failed") from None


def in_a_collector():
    class Collected:
        def __del__(self):
            interrupt()

    found = Collected()
    del found
    time.sleep(5)


@pytest.mark.parametrize("function", [plainly, wrapped, in_a_collector])
def test_an_interrupt_is_one_line_whatever_a_library_makes_of_it(function, monkeypatch, capfd):
    before = signal.getsignal(signal.SIGINT)
    assert call(function, monkeypatch, capfd) == (130, "", "Interrupted.\n")
    assert signal.getsignal(signal.SIGINT) is before


def test_the_end_of_a_file_is_no_interrupt(monkeypatch):
    def broken():
        raise EOFError("a bug")

    monkeypatch.setattr(sys, "argv", ["made"])
    with pytest.raises(EOFError, match="a bug"):
        command_line.run_command(click.command()(broken))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_interrupt_before_and_after_a_command(moment):
    """While it is imported, and while the process ends."""
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    found = f"def find_spec(name, *_):\n        if name == 'click': {kill}"
    before = f"import sys\nclass Stop:\n    {found}\nsys.meta_path.insert(0, Stop)"
    after = f"import atexit\ndef stop(): {kill}\natexit.register(stop)"
    code = f"{before if moment == 'before' else after}\nfrom keras_sentiment.scripts import main; main()"
    found = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, timeout=60)
    assert (found.returncode, found.stderr) == (130, b"Interrupted.\n")


def test_a_bug_has_a_traceback_that_no_terminal_obeys():
    code = (
        "import click\n"
        "from keras_sentiment.scripts.command_line import run_command\n"
        "def broken(): raise RuntimeError('\\x1b[2J\\u202e')\n"
        "run_command(click.command()(broken))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert found.returncode == 1
    assert found.stderr.decode().splitlines()[-1] == r"RuntimeError: \x1b[2J\u202e"
