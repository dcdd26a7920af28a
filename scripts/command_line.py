"""What every command shares: its options, its errors, its exit status; and `keras-sentiment` itself."""

from __future__ import annotations

import _thread
import contextlib
import errno
import importlib
import importlib.util
import json
import os
import re
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import click

from keras_sentiment.config import BACKENDS, PRECISIONS, RECIPES, CheckpointConfig
from keras_sentiment.errors import InputError
from keras_sentiment.messages import drop_standard_output, escaped_messages, open_standard_streams, tell
from keras_sentiment.scripts import INTERRUPTED

CHECKPOINTS = CheckpointConfig()

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PATH_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
# What a shell reports of a program whose reader closed the pipe: 128 + SIGPIPE.
PIPE_CLOSED = 141

COMMANDS = {
    "prepare": "prepare_data",
    "pretrain": "pretrain_encoder",
    "train-transformer": "train_transformer",
    "train-bert": "train_bert",
    "evaluate": "evaluate_model",
    "predict": "predict_texts",
    "export": "export_model",
    "serve": "serve_model",
    "compare": "compare_recipes",
    "benchmark": "benchmark_speed",
    "demo": "run_demo",
}


class Commands(click.Group):
    """The commands by name, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"keras_sentiment.scripts.{COMMANDS[cmd_name]}")
        return getattr(module, cmd_name.replace("-", "_"))


def options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns one decorator for several, in reading order."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


version_option = click.version_option(package_name="keras-sentiment")
windows_option = click.option(
    "--windows", is_flag=True, help="Read long texts whole, in windows that overlap, instead of cut."
)
scoring_precision_option = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    show_default=True,
    help="In what numbers the model computes; auto takes what is fast here.",
)
# What every command takes, and what every one that writes takes.
common_options = options(click.option("--quiet", is_flag=True, help="Show no progress."), version_option)
output_options = options(
    click.option("--overwrite", is_flag=True, help="Replace what is there."), common_options
)


def hyperparameters(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Returns what `NAME=VALUE` says of each name; values are JSON, and else text."""
    found: dict[str, Any] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE.", ctx, param)
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


# What every training command takes; a default that is not said here is the recipe's.
pretraining_options = options(
    click.option("--epochs", type=int, help="Passes over the train reviews."),
    click.option("--batch-size", type=int, help="Train reviews a step."),
    click.option("--learning-rate", type=float, help="Its peak."),
    click.option("--sequence-length", type=int, help="Most tokens of a review that are read."),
    click.option("--precision", type=click.Choice(PRECISIONS), help="In what numbers to compute."),
    click.option("--seed", type=int, help="Of everything random."),
    click.option(
        "--set",
        "others",
        multiple=True,
        callback=hyperparameters,
        metavar="NAME=VALUE",
        help="Another hyperparameter, by its name in config.json; repeatable.",
    ),
    click.option("--limit", type=click.IntRange(min=1), help="Train on so many reviews, a stratified draw."),
    click.option("--devices", type=click.IntRange(min=1), help="On jax: of this machine. [default: all]"),
    click.option("--resume", is_flag=True, help="Go on with the run that is there, if it was interrupted."),
    click.option(
        "--checkpoint-steps",
        type=int,
        default=CHECKPOINTS.steps,
        show_default=True,
        metavar="N",
        help="Steps from one checkpoint to the next.",
    ),
    click.option(
        "--max-to-keep",
        type=int,
        default=CHECKPOINTS.max_to_keep,
        show_default=True,
        help="How many of them stay.",
    ),
    output_options,
)
# And what those take that train on labels.
training_options = options(
    click.option("--recipe", type=click.Choice(RECIPES), default="default", show_default=True),
    click.option("--class-weight", is_flag=True, default=None, help="Let rare labels weigh more."),
    click.option(
        "--teacher",
        "teachers",
        multiple=True,
        metavar="RUN",
        callback=lambda ctx, param, values: list(values) or None,
        help="Learn also from the soft labels that this trained model gives to the unlabelled texts; "
        "repeatable, for the mean of several.",
    ),
    click.option(
        "--threshold-for",
        metavar="f1|precision=P",
        help="For what to choose the threshold between two labels, on validation; "
        "without it, the more probable label is taken.",
    ),
    click.option(
        "--threshold-label", metavar="LABEL", help="The label that it is meant for.  [default: the second]"
    ),
    pretraining_options,
)


def say(message: str) -> None:
    """Prints a line of progress on standard error; standard output carries results only."""
    tell(message)


def run_command(command: click.Command) -> None:
    """Runs a command and exits: 0 on success, 2 on a user's mistake, 130 on Ctrl-C, 1 on a bug.

    141 says that the reader of standard output left, as a shell does of a program without a word for it.
    """
    os.environ.setdefault("KERAS_BACKEND", "torch")
    # Keras and TensorFlow would write their own chatter between our lines.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    open_standard_streams()
    before, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    with escaped_messages():
        sys.unraisablehook = _unraisable
        try:
            status = _status(command)
        except BaseException:
            sys.excepthook = _report
            raise
        finally:
            _set_interrupt(before)
            sys.unraisablehook = hook
    sys.exit(status)


def _status(command: click.Command) -> int:
    """Runs a command and says what went wrong; returns the exit status."""
    interrupt = _Interrupt()
    try:
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as of a job in a shell's background
            _set_interrupt(interrupt)
        _invoke(command)
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
            say(message)
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            drop_standard_output()
        return status


def _invoke(command: click.Command) -> None:
    """Does what click's `main` does, but leaves an interrupt and a closed pipe to us."""
    name = Path(sys.argv[0]).name
    if f"_{re.sub('[-.]', '_', name)}_COMPLETE".upper() in os.environ:
        command.main(standalone_mode=False)  # a shell asks how a line could go on
        return
    with contextlib.suppress(click.exceptions.Exit), command.make_context(name, sys.argv[1:]) as context:
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
        _thread.interrupt_main()
    else:
        sys.__unraisablehook__(found)


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints the traceback of a bug, in which a stranger's words may stand."""
    with escaped_messages():
        sys.__excepthook__(kind, error, trace)


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


def check_backend(backend: str | None = None) -> None:
    """Refuses a backend that does not exist or is not installed, before Keras is imported.

    Args:
        backend: its name; `KERAS_BACKEND` says it otherwise.

    Raises:
        InputError: with the fix.
    """
    backend = backend or os.environ["KERAS_BACKEND"]
    if backend not in BACKENDS:
        raise InputError(
            f"KERAS_BACKEND must be one of {', '.join(BACKENDS)}. Received: KERAS_BACKEND={backend}"
        )
    if importlib.util.find_spec(backend) is None:
        fix = 'pip install "keras-sentiment[jax]"' if backend == "jax" else f"pip install {backend}"
        raise InputError(f"KERAS_BACKEND={backend} is not installed: {fix}")


@click.group(cls=Commands)
@version_option
def commands() -> None:
    """From labelled texts to a sentiment model that can be trusted and served."""


def main() -> None:
    """The console script `keras-sentiment`."""
    run_command(commands)
