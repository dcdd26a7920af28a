"""The error that a user's mistake raises, and the checks that raise it; standard library only."""

from __future__ import annotations

import sys
from typing import Any

from keras_sentiment.escaping import printable

# Characters of a message: a file that is quoted in it may hold a name of megabytes.
MAX_MESSAGE_LENGTH = 2000
# A confusion matrix has the square of it.
MAX_LABELS = 10_000
# Characters of a label's name.
MAX_LABEL_LENGTH = 200


class InputError(ValueError):
    """A user's mistake, described in one line that names the file, the row and the fix.

    Commands print it without a traceback and exit with 2. What a message quotes may come from an
    untrusted file: line ends and control characters in it are escaped.

    Example:
        >>> try:
        ...     corpus = open_corpus("nowhere")
        ... except InputError as error:
        ...     print(error)
        nowhere: not a prepared corpus (no readable data.json); make one with `prepare`
    """

    def __init__(self, message: str) -> None:
        if len(message) > MAX_MESSAGE_LENGTH:
            half = MAX_MESSAGE_LENGTH // 2
            message = f"{message[:half]} … {message[-half:]}"
        super().__init__(printable(message))


def install_hint(extra: str) -> str:
    """Returns the command that installs what an optional dependency group of this project needs.

    No release is on PyPI, so the package is installed from its clone.

    Example:
        >>> install_hint("export")
        'in the folder of the clone run: pip install -e ".[export]"'
    """
    return f'in the folder of the clone run: pip install -e ".[{extra}]"'


def require(condition: bool, name: str, value: Any, expected: str) -> None:
    """Raises an InputError that names a hyperparameter and its value, unless the condition holds."""
    if not condition:
        raise InputError(f"{name} must be {expected}. Received: {name}={value!r:.200}")


def require_labels(labels: Any) -> None:
    """Raises an InputError unless the labels are at least two different names."""
    named = isinstance(labels, (list, tuple)) and all(isinstance(name, str) for name in labels)
    valid = named and len(labels) >= 2 and len(set(labels)) == len(labels)
    require(valid, "labels", labels, "two different names or more")
    hidden = next((name for name in labels if not name.isprintable()), None)
    require(hidden is None, "labels", hidden, "names without invisible characters")
    require(len(labels) <= MAX_LABELS, "labels", len(labels), f"at most {MAX_LABELS:,}")
    for name in labels:
        require_label(name, f"labels={name!r:.50}")


def require_label(name: str, source: str) -> None:
    """Raises an InputError for a label that is too long, and names its `source`."""
    if len(name) > MAX_LABEL_LENGTH:
        raise InputError(
            f"{source}: a label of {len(name):,} characters, {name!r:.50}, and a label's name has "
            f"{MAX_LABEL_LENGTH} at most; shorten it, or name another column if it is none"
        )


def require_temperature(temperature: Any) -> None:
    """Raises an InputError unless the temperature is a number from 0.001 to 1000."""
    valid = type(temperature) in (int, float) and 1e-3 <= temperature <= 1e3
    require(valid, "temperature", temperature, "a number from 0.001 to 1000")


def require_decision(labels: Any, threshold: Any, class_weight: Any) -> None:
    """Raises an InputError unless a threshold and class weights suit the labels and each other."""
    if threshold is not None:
        require(len(labels) == 2, "threshold", threshold, "null unless there are two labels")
        require(type(threshold) is float and 0 < threshold < 1, "threshold", threshold, "a number in (0, 1)")
        require(class_weight is None, "class_weight", class_weight, "null where there is a threshold")
    if class_weight is not None:
        numbers = all(type(each) in (int, float) and 0 < each < 1e9 for each in class_weight)
        valid = numbers and len(class_weight) == len(labels)
        require(valid, "class_weight", class_weight, "a number above 0 for each label")


def require_rates(config: Any, *names: str) -> None:
    """Raises an InputError unless each named field of a config is in [0, 1)."""
    for name in names:
        value = getattr(config, name)
        require(0 <= value < 1, name, value, "a number in [0, 1)")


def require_choice(config: Any, name: str, *choices: str) -> None:
    """Raises an InputError unless a named field of a config is one of the choices."""
    value = getattr(config, name)
    require(value in choices, name, value, " or ".join(choices))


def require_positive(config: Any, *names: str) -> None:
    """Raises an InputError unless each named field of a config is greater than 0."""
    for name in names:
        value = getattr(config, name)
        require(value > 0, name, value, "greater than 0")


def require_at_most(config: Any, most: int, *names: str) -> None:
    """Raises an InputError unless each named field of a config is a whole number from 1 to `most`."""
    for name in names:
        value = getattr(config, name)
        require(type(value) is int and 1 <= value <= most, name, value, f"a number from 1 to {most:,}")


def first_line(error: Exception) -> str:
    """Returns the first line of an error's text, shortened to 300 characters."""
    if "set_int_max_str_digits" in str(error):  # of no use to who has the file and not the program
        return f"a whole number of more than {sys.get_int_max_str_digits():,} digits; write it as text"
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
