"""What libraries write on standard error by themselves, kept off it while a command runs.

TensorFlow, XLA and others write from C++ before any setting of theirs is read, so descriptor 2 leads into a
pipe, and the messages of the command go to a duplicate of what it was. `library_output_reader`, a process of
its own, empties the pipe. Where the command dies without having said why, as of a failed check in C++, that
process prints the end of what came.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from keras_sentiment import messages

READER = Path(__file__).with_name("library_output_reader.py")
_SECONDS = 5.0  # for the reader to end
_control: int | None = None  # the reader's standard input, while output is held


def foresee_end() -> None:
    """Says that the process is about to end without an error, so that nothing that was held is printed.

    A signal's handler may call it.
    """
    if _control is not None:
        with contextlib.suppress(OSError):
            os.write(_control, b".")


class LibraryOutput:
    """The standard error of libraries during a block: as it is, until `hold` is called.

    An exception that leaves the block is one that nobody foresaw: what was held is then printed.
    """

    def __init__(self) -> None:
        self._reader: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LibraryOutput:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release(foreseen=error is None)

    def hold(self) -> None:
        """Keeps what libraries write off standard error, if a process can be started for it."""
        if self._reader is not None or os.name != "posix":
            return
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        own, (pipe, libraries) = os.dup(2), os.pipe()
        try:
            # Of a session of its own: Ctrl-C is for the command.
            self._reader = subprocess.Popen(
                [sys.executable, "-I", "-S", READER, str(pipe)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=own,
                pass_fds=[pipe],
                start_new_session=True,
                bufsize=0,
            )
        except (OSError, ValueError):  # no process can be started
            os.close(own)
            return
        finally:
            os.close(pipe)
            if self._reader is not None:
                os.dup2(libraries, 2)  # which processes that are started have too
            os.close(libraries)
        global _control
        _control = self._reader.stdin.fileno() if self._reader.stdin else None
        self._own, self._before = own, sys.stderr
        messages.redirect(own)
        sys.stderr = messages.open_descriptor(2)

    def release(self, foreseen: bool = True) -> None:
        """Gives libraries the standard error back.

        Args:
            foreseen: whether what was held is of no interest.
        """
        if self._reader is None:
            return
        global _control
        reader, self._reader, _control = self._reader, None, None
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        sys.stderr = self._before
        messages.redirect(None)
        os.dup2(self._own, 2)
        os.close(self._own)
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            reader.communicate(b"." if foreseen else b"", timeout=_SECONDS)
