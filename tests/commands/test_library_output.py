"""What libraries print by themselves: not seen while a command runs, and not lost where it dies."""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import click
import pytest

from helpers.command_line import ENTRY, SMALL
from keras_sentiment.messages import message_descriptor
from keras_sentiment.scripts import library_output_reader as reader

BEGIN = (
    "import os, sys, signal, subprocess, threading, time, click\n"
    "from keras_sentiment.messages import tell\n"
    "from keras_sentiment.scripts.command_line import common_options, run_command\n"
    "@click.command()\n"
    "@common_options\n"
    "def made(quiet):\n"
)
# As TensorFlow and XLA begin their lines.
NOTE = "I0000 00:00:1795775664.942157    8040 port.cc:153] oneDNN custom operations are on."
FATAL = "F0000 00:00:1795775664.942157    8040 a.cc:1] Check failed: 1 == 2"


def made(*lines, arguments=(), shell=None):
    """Runs a command of these lines of Python; returns its status, and what stands on standard error."""
    code = BEGIN + "".join(f"    {line}\n" for line in lines) + "run_command(made)\n"
    command = [sys.executable, "-c", code, *arguments]
    if shell:
        command = ["bash", "-c", shell, "bash", *command]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stderr.decode()


WRITE = f"os.write(2, {(NOTE + chr(10)).encode()!r})"


@pytest.mark.once
def test_libraries_are_not_heard_and_messages_are():
    lines = [WRITE, "print('a warning', file=sys.stderr)", "tell('ours')", "os.system('echo theirs >&2')"]
    assert made(*lines) == (0, "ours\n")
    assert made(*lines, arguments=["--quiet"]) == (0, "ours\n")
    status, error = made(*lines, arguments=["--verbose"])
    assert (status, sorted(error.splitlines())) == (0, sorted([NOTE, "a warning", "ours", "theirs"]))


@pytest.mark.once
@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("os.abort()", -signal.SIGABRT),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("os._exit(3)", 3),  # as a library does that finds no driver
        ("raise RuntimeError('a bug')", 1),
    ],
)
def test_what_a_library_said_before_a_command_died_is_shown(end, status):
    found, error = made(WRITE, f"os.write(2, {(FATAL + chr(27) + chr(10)).encode()!r})", end)
    assert found == status
    lines = error.splitlines()
    assert lines[0] == FATAL + r"\x1b"
    assert NOTE not in lines
    assert lines[1:] == [] or lines[-1] == "RuntimeError: a bug"


@pytest.mark.once
def test_what_a_child_said_before_a_bug_is_shown():
    found, error = made(
        "subprocess.run([sys.executable, '-c', 'raise ValueError(1)'])", "raise RuntimeError('it failed')"
    )
    assert found == 1
    assert error.index("ValueError: 1") < error.index("RuntimeError: it failed")


@pytest.mark.once
def test_a_bug_in_a_thread_is_shown():
    lines = ["thread = threading.Thread(target=lambda: 1 / 0)", "thread.start()", "thread.join()"]
    status, error = made(*lines)
    assert (status, error.splitlines()[-1]) == (0, "ZeroDivisionError: division by zero")


@pytest.mark.once
def test_a_process_that_is_killed_says_nothing_of_its_libraries():
    assert made(WRITE, "os.kill(os.getpid(), signal.SIGKILL)") == (-signal.SIGKILL, "")


@pytest.mark.once
@pytest.mark.parametrize("shell", ['"$@" 2>&-', '"$@" 2>/dev/full', '"$@" 2> >(true)'])
def test_a_standard_error_that_nobody_reads(shell):
    assert made(WRITE, "tell('ours')", shell=shell) == (0, "")


@pytest.mark.once
def test_an_interrupt_is_told_whatever_libraries_print():
    interrupt = "os.kill(os.getpid(), signal.SIGINT)"
    assert made(WRITE, interrupt, "time.sleep(9)") == (130, "Interrupted.\n")
    at_once = "from keras_sentiment.scripts import end_at_once"
    handled = "signal.signal(signal.SIGINT, end_at_once)"
    said = f"os.write(2, {(FATAL + chr(10)).encode()!r})"
    assert made(at_once, handled, said, interrupt, "time.sleep(9)") == (130, "Interrupted.\n")


@pytest.mark.once
def test_an_end_that_is_foreseen_shows_nothing_of_libraries():
    said = f"os.write(2, {(FATAL + chr(10)).encode()!r})"
    foreseen = "from keras_sentiment.scripts.library_output import foresee_end"
    assert made(foreseen, said, "foresee_end()", "os._exit(0)") == (0, "")
    assert made(foreseen, said, "os._exit(0)") == (0, f"{FATAL}\n")


@pytest.mark.once
def test_more_than_a_pipe_holds_stops_nobody():
    status, error = made("for n in range(3000): os.write(2, b'E' * 999 + b'%d\\n' % n)", "os.abort()")
    assert status == -signal.SIGABRT
    lines = error.splitlines()
    assert lines[-1].endswith("2999")
    assert len(error) <= reader.KEPT
    assert all(len(line) >= 999 for line in lines)


@pytest.mark.once
def test_the_reader_keeps_what_came_before_the_pipe_was_closed():
    """The pipe may end before the control does, and after it."""
    for first in (0, 1):
        (pipe, library), (control, command) = os.pipe(), os.pipe()
        os.write(library, b"said\n")
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(reader.read, pipe, control)
            os.close((library, command)[first])
            time.sleep(0.05)  # for the reader to see the one alone
            if first:
                assert found.result(10) == b"said\n"
            os.close((command, library)[first])
            assert found.result(10) == b"said\n"
        os.close(pipe)
        os.close(control)


@pytest.mark.once
def test_messages_know_a_terminal():
    code = BEGIN + "    from keras_sentiment.messages import message_stream\n"
    code += "    from keras_sentiment.progress import Progress\n"
    code += "    print(message_stream().isatty(), sys.stderr.isatty())\n"
    code += "    with Progress('Reading', 4) as shown: shown.update(3)\nrun_command(made)\n"
    import pty

    ours, theirs = pty.openpty()
    try:
        found = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=True
        )
        written = os.read(ours, 10_000)
    finally:
        os.close(ours)
        os.close(theirs)
    assert found.stdout == b"True False\n"
    assert b"Reading:   0%" in written  # though this terminal has a width of 0


@pytest.mark.once
def test_streams_are_as_before_when_a_command_has_ended(monkeypatch):
    from keras_sentiment.scripts import command_line

    before, place = sys.stderr, os.fstat(2)
    seen = []

    @click.command()
    @command_line.common_options
    def called(quiet):
        seen.append((message_descriptor(), os.fstat(2).st_ino != place.st_ino))

    monkeypatch.setattr(sys, "argv", ["called"])
    descriptors = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    with pytest.raises(SystemExit):
        command_line.run_command(called)
    assert seen[0][0] is not None
    assert seen[0][1]
    assert message_descriptor() is None
    assert sys.stderr is before
    assert os.fstat(2).st_ino == place.st_ino
    assert not descriptors or len(os.listdir("/proc/self/fd")) == len(descriptors)


FOREIGN = re.compile(
    r"[IWEF]\d{4,} |\d{4}-\d\d-\d\d |WARNING|\[W|.*(absl|oneDNN|tensorflow/|xla|cuda|Warning:)"
)
PHASES = r"(Load|Fitt|Count|Calibrat|Comput)(ed|ing) .* in .*s\.|Loading Keras: .*"
OURS = re.compile(rf"{PHASES}|Training, .*|(Epoch|Kept|Saved|The|No|Logits) .*|transformer: .*|Wrote .*")


def test_no_foreign_line_on_any_backend(folder, tmp_path):
    """Training and evaluation as a user starts them, in processes whose standard error is a file."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-c", ENTRY, *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=300,
            check=True,
        ).stderr

    run("prepare", folder / "films.csv", tmp_path / "data", "--tokenizer", folder / "words", "--quiet")
    error = run("train-transformer", tmp_path / "data", tmp_path / "run", "--epochs", "1", *SMALL)
    lines = error.splitlines()
    assert [line for line in lines if FOREIGN.match(line) or not OURS.fullmatch(line)] == []
    assert lines[-1].startswith(f"Saved {tmp_path / 'run'}. Next: keras-sentiment evaluate ")
    # With --verbose they are there, of which this backend prints some at each start.
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        error = run("evaluate", tmp_path / "run", tmp_path / "data", "--verbose")
        assert [line for line in error.splitlines() if FOREIGN.match(line)]
