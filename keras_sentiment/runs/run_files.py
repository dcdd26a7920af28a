"""The files of a RUN_DIR: their names, and the order in which they are written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_sentiment.config import MaskedLMConfig
from keras_sentiment.data.text_keys import TextKeys
from keras_sentiment.errors import InputError
from keras_sentiment.runs.baseline import Baseline
from keras_sentiment.runs.config import RunConfig
from keras_sentiment.storage.atomic import staged_name, staged_path, write_text
from keras_sentiment.storage.checksums import sha256, verify
from keras_sentiment.storage.json_files import MAX_CONFIG_BYTES, read_object, read_versioned
from keras_sentiment.storage.locks import lock, unlock
from keras_sentiment.storage.untrusted import plain_files
from keras_sentiment.text.tokenizer import TOKENIZER_FILES, VOCABULARY_FILE, Tokenizer

FORMAT_VERSION = 4
CONFIG_FILE, MODEL_FILE, CHECKSUMS_FILE = "config.json", "model.keras", "checksums.json"
HISTORY_FILE, METRICS_FILE, TRAINED_ON_FILE = "history.csv", "metrics.json", "trained_on.npy"
BASELINE_FILE, REPORT_FILE, REPORTS, CARD_FILE = "baseline.npz", "report.html", "reports", "README.md"
TOKENIZER_FOLDER, CHECKPOINTS, PREVIOUS = "tokenizer", "checkpoints", "previous"
ANEW = "copy it anew from where it came, or train again"
_NAMES = {
    CONFIG_FILE,
    CHECKPOINTS,
    PREVIOUS,
    HISTORY_FILE,
    TRAINED_ON_FILE,
    TOKENIZER_FOLDER,
    CHECKSUMS_FILE,
    MODEL_FILE,
    BASELINE_FILE,
    METRICS_FILE,
    REPORT_FILE,
    REPORTS,
    CARD_FILE,
}


def short_name(path: str | Path) -> str:
    """Returns the last two names of a path: enough to recognise a run, without the folders of the machine."""
    return "/".join(Path(path).parts[-2:]) or str(path)


def require_plain(path: Path) -> None:
    """Refuses a RUN_DIR in which a file of a run is a link or not a regular file. Other files are ignored.

    Raises:
        InputError: names the file.
    """
    plain_files(path, lambda name: name in _NAMES)


def _listed_files(path: Path, encoder: bool) -> dict[str, str]:
    """Returns the SHA-256 of each file that a model is read from; `checksums.json` lists exactly these.

    Args:
        encoder: whether the run is one of `pretrain`.

    Raises:
        InputError: a file is missing in the list, or the list or the tokenizer's folder has another file.
    """
    listed = read_object(path / CHECKSUMS_FILE, MAX_CONFIG_BYTES, follow_links=False)
    names = {CONFIG_FILE, MODEL_FILE, TRAINED_ON_FILE, *([] if encoder else [BASELINE_FILE])}
    names |= {f"{TOKENIZER_FOLDER}/{name}" for name in TOKENIZER_FILES}
    for name in sorted(listed.keys() ^ names):
        fault = "lists" if name in listed else "doesn't list"
        raise InputError(f"{path / CHECKSUMS_FILE}: it {fault} {name}; {ANEW}")
    for name in plain_files(path / TOKENIZER_FOLDER):
        if name not in TOKENIZER_FILES:
            raise InputError(f"{path / TOKENIZER_FOLDER / name}: no file of a tokenizer of ours; remove it")
    return listed


def is_run(path: Path) -> bool:
    """Whether a folder holds a run and nothing else: models of other libraries have a config.json too."""
    try:
        values = read_object(path / CONFIG_FILE)
    except InputError:
        return False
    return (
        "format_version" in values
        and {staged_name(item.name) or item.name for item in path.iterdir()} <= _NAMES
    )


def set_aside(path: Path) -> None:
    """Moves a complete run to `previous`; removes the files of an incomplete one.

    The folder itself stays, since it may be a link, a mount or the working directory. Other files stay too.
    """
    previous, complete = path / PREVIOUS, (path / MODEL_FILE).is_file()
    names = _names(path)
    if complete:
        _remove(previous)
        previous.mkdir()
    if complete or ((previous / MODEL_FILE).exists() and not (previous / CONFIG_FILE).exists()):
        # The config is moved last: where it is missing in `previous`, an interrupted move is completed here.
        for name in sorted(names, key=lambda name: (name == CONFIG_FILE, name == MODEL_FILE)):
            os.replace(path / name, previous / name)
    else:
        for name in names:
            _remove(path / name)


def put_back(path: Path) -> None:
    """Undoes `set_aside` of a complete run, also if it was interrupted before it moved the config."""
    previous = path / PREVIOUS
    if not previous.is_dir():
        return
    if (previous / CONFIG_FILE).exists():
        for name in _names(path):
            _remove(path / name)
    for item in sorted(previous.iterdir(), key=lambda item: item.name == MODEL_FILE):
        os.replace(item, path / item.name)
    previous.rmdir()


def _names(path: Path) -> list[str]:
    """Returns the names of the files of a run in a folder, without `previous`."""
    return [item.name for item in path.iterdir() if item.name in _NAMES - {PREVIOUS}]


def read_config(path: Path) -> RunConfig:
    """Reads `config.json` of a RUN_DIR.

    Raises:
        InputError: the file is missing or damaged, or comes from a later version.
    """
    file = path / CONFIG_FILE
    make = "train one with train-transformer or train-bert"
    values = read_versioned(file, FORMAT_VERSION, "a trained model", make)
    try:
        return RunConfig.from_dict(values)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def require_sound(path: Path, config: RunConfig) -> None:
    """Refuses a complete RUN_DIR whose files were changed or don't belong together.

    Raises:
        InputError: names the file.
    """
    if config.architecture is None:
        raise InputError(f"{path / CONFIG_FILE}: it has no architecture, and its training has ended; {ANEW}")
    verify(path, _listed_files(path, isinstance(config.recipe.model, MaskedLMConfig)), ANEW)
    found = Tokenizer.read(path / TOKENIZER_FOLDER).vocabulary_size
    expected = config.architecture.vocabulary_size
    if found != expected:
        vocabulary = path / TOKENIZER_FOLDER / VOCABULARY_FILE
        raise InputError(f"{vocabulary}: it has {found:,} tokens, and the model {expected:,}; {ANEW}")


def write_config(path: Path, config: RunConfig) -> None:
    """Writes `config.json`."""
    values = {"format_version": FORMAT_VERSION, **config.to_dict()}
    write_text(path / CONFIG_FILE, json.dumps(values, indent=1) + "\n")


def write_model(
    path: Path,
    model: Any,
    tokenizer: Tokenizer,
    texts: TextKeys,
    baseline: Baseline | None,
    begin: Callable[[], None],
) -> None:
    """Writes tokenizer, keys of texts, baselines, checksums and, last, the model, under the float32 policy.

    Then it removes the checkpoints and the previous run.

    Args:
        texts: the keys of the texts that the model was trained on.
        baseline: `None` for an encoder, which gives no labels.
        begin: called when the model is on the disk under a temporary name, before anything else is written.
    """
    from keras_sentiment.models.precision import with_precision

    with staged_path(path / MODEL_FILE) as staging:
        with_precision(model, "float32").save(staging)
        begin()
        folder = path / TOKENIZER_FOLDER
        _remove(folder)
        tokenizer.save(folder)
        texts.write(path / TRAINED_ON_FILE)
        files = {f"{TOKENIZER_FOLDER}/{file.name}": file for file in folder.iterdir()}
        files |= {name: path / name for name in (CONFIG_FILE, TRAINED_ON_FILE)}
        files[MODEL_FILE] = staging
        if baseline is not None:
            baseline.write(path / BASELINE_FILE)
            files[BASELINE_FILE] = path / BASELINE_FILE
        checksums = {name: sha256(file) for name, file in files.items()}
        write_text(path / CHECKSUMS_FILE, json.dumps(checksums, indent=1) + "\n")
    remove_leftovers(path)


def replace_model(
    path: Path, config: RunConfig, model: Any, tokenizer: Tokenizer, texts: TextKeys, baseline: Baseline
) -> None:
    """Replaces the model and the config of a complete run; the history stays.

    After an error the run is as it was.

    Raises:
        InputError: another process writes to the run.
    """
    history = (path / HISTORY_FILE).read_text("utf-8") if (path / HISTORY_FILE).is_file() else None

    def begin() -> None:
        set_aside(path)
        write_config(path, config)
        if history is not None:
            write_text(path / HISTORY_FILE, history)

    held = lock(path)
    try:
        remove_leftovers(path)  # left by a process that was killed
        write_model(path, model, tokenizer, texts, baseline, begin)
    except BaseException:
        put_back(path)
        raise
    finally:
        unlock(held)


def remove_leftovers(path: Path) -> None:
    """Removes the checkpoints and the previous run, which a complete run doesn't need."""
    _remove(path / CHECKPOINTS)
    _remove(path / PREVIOUS)


def _remove(path: Path) -> None:
    """Removes a file, a link, or a folder with its contents, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
