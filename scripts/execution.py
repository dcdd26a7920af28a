"""How a command runs and ends: its exit status, its one line of error, its streams, Ctrl-C."""

from __future__ import annotations

import _thread
import contextlib
import errno
import os
import re
import select
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import click

from keras_sentiment.errors import InputError
from keras_sentiment.messages import (
    drop_standard_output,
    escaped_messages,
    message_stream,
    open_standard_streams,
    tell,
)
from keras_sentiment.scripts import INTERRUPTED
from keras_sentiment.scripts.library_output import LibraryOutput

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PATH_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
# What a shell reports of a program whose reader closed the pipe: 128 + SIGPIPE.
PIPE_CLOSED = 141


def run_command(command: click.Command) -> None:
    """Runs a command and exits: 0 on success, 2 on a user's mistake, 130 on Ctrl-C, 1 on a bug.

    141 says that the reader of standard output left, as a shell does of a program without a word for it.
    """
    os.environ.setdefault("KERAS_BACKEND", "torch")
    open_standard_streams()
    before, hook, of_thread = signal.getsignal(signal.SIGINT), sys.unraisablehook, threading.excepthook
    with escaped_messages():
        sys.unraisablehook, threading.excepthook = _unraisable, _report_thread
        try:
            with LibraryOutput() as output:
                status = _status(command, output)
        except BaseException:
            sys.excepthook = _report
            raise
        finally:
            _set_interrupt(before)
            sys.unraisablehook, threading.excepthook = hook, of_thread
    sys.exit(status)


def _status(command: click.Command, output: LibraryOutput) -> int:
    """Runs a command and says what went wrong; returns the exit status."""
    interrupt = _Interrupt()
    try:
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as of a job in a shell's background
            _set_interrupt(interrupt)
        _invoke(command, output)
        sys.stdout.flush()
        return 0
    except BaseException as error:
        if interrupt.came or isinstance(error, KeyboardInterrupt):
            # A library may have made another error of it.
            error = next((each for each in _causes(error) if isinstance(each, KeyboardInterrupt)), interrupt)
        if isinstance(error, Exception) and _reader_has_left(error):
            return PIPE_CLOSED
        status, message = _told(error)
        if message is None:
            raise
        if message:
            tell(message)
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            drop_standard_output()
        return status


def _invoke(command: click.Command, output: LibraryOutput) -> None:
    """Does what click's `main` does, but leaves an interrupt and a closed pipe to us."""
    name = Path(sys.argv[0]).name
    if f"_{re.sub('[-.]', '_', name)}_COMPLETE".upper() in os.environ:
        command.main(standalone_mode=False)  # a shell asks how a line could go on
        return
    with (
        contextlib.suppress(click.exceptions.Exit),
        command.make_context(name, sys.argv[1:], obj=output) as context,
    ):
        command.invoke(context)


def _told(error: BaseException) -> tuple[int, str | None]:
    """Returns the exit status for an error, and what to say of it; nothing, if nobody foresaw it."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code, ""
    if isinstance(error, click.ClickException):
        context = error.ctx if isinstance(error, click.UsageError) else None
        message = InputError(error.format_message())  # on one line, whatever it quotes
        return error.exit_code, f"Error: {message}" + (
            f" See {context.command_path} --help." if context else ""
        )
    if isinstance(error, InputError):
        return 2, f"Error: {error}"
    if isinstance(error, KeyboardInterrupt):
        # What training ends itself with says how to go on.
        return 128 + int(getattr(error, "number", signal.SIGINT)), str(error) or INTERRUPTED
    reason = os_error_message(error) if isinstance(error, Exception) else None
    return 2, reason and f"Error: {InputError(reason)}"


class _Interrupt(KeyboardInterrupt):
    """What Ctrl-C calls; it remembers that it came, whatever a library makes of what it raises."""

    def __init__(self) -> None:
        super().__init__()
        self.came = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        raise KeyboardInterrupt


def _set_interrupt(handler: Any) -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an error, and what it comes from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reader_has_left(error: Exception) -> bool:
    """Whether nobody reads standard output any more; what is still in its buffer is dropped then."""
    if not any(isinstance(each, BrokenPipeError) for each in _causes(error)):
        return False
    try:
        sys.stdout.flush()
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        left = bool(poll.poll(0))  # a pipe without its other end
    except BrokenPipeError:
        left = True
    except (OSError, ValueError, AttributeError):  # not a file; or a system without `poll`
        left = False
    if left:
        drop_standard_output()
    return left


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """Interrupts again what was interrupted where an exception goes nowhere, as in a collector of garbage."""
    if issubclass(found.exc_type, KeyboardInterrupt):
        # Not before this function has ended, since an exception in it would go nowhere too.
        threading.Timer(0.01, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(found)


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints the traceback of a bug, in which a stranger's words may stand."""
    with escaped_messages():
        message_stream().write("".join(traceback.format_exception(kind, error, trace)))


def _report_thread(found: threading.ExceptHookArgs) -> None:
    """Prints the traceback of a thread that a bug ended."""
    if found.exc_value is not None:
        _report(found.exc_type, found.exc_value, found.exc_traceback)


def os_error_message(error: BaseException | None) -> str | None:
    """Returns what to tell of an error that the system is the cause of, or what it comes from; else `None`.

    Libraries that write files by themselves (HDF5, tokenizers) tell of a full disk in their text alone.
    """
    if error is None:
        return None
    number = error.errno if isinstance(error, OSError) else None
    if number in DISK_FULL or any(os.strerror(each) in str(error) for each in DISK_FULL):
        return f"the disk is full ({error}); nothing half-written is left: free some space, try again"
    if number == errno.EBADF and _standard_output_is_closed():
        return "standard output is closed, and results go there: give it a file, or /dev/null"
    if isinstance(error, OSError) and number in PATH_REFUSED and error.filename is not None:
        return f"{error.filename}: {error.strerror}; name another path"
    return os_error_message(error.__cause__ or error.__context__)


def _standard_output_is_closed() -> bool:
    try:
        return os.write(1, b"") != 0
    except OSError:
        return True
