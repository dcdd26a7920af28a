"""An artifact on disk: one format of a model with all that turns a text into a label.

artifact.json    the manifest: what a text goes through, how equal the graph is, the hash of every file
tokenizer/       vocab.txt, tokenizer.json
trained_on.npy   the run's: the keys of all texts that the model has learned from
README.md        how to serve it
model.onnx, model.xml and model.bin, model.pt2, or the numbered version folder of a SavedModel

Read with the standard library and numpy only: a server needs no Keras.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_sentiment.config import InputConfig
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError, require_decision, require_labels, require_temperature
from keras_sentiment.storage.checksums import sha256, verify
from keras_sentiment.storage.json_files import from_json, read_versioned
from keras_sentiment.storage.untrusted import plain_files
from keras_sentiment.text.cleaning import CLEANING_VERSION
from keras_sentiment.text.tokenizer import TOKENIZER_FILES, Tokenizer

FORMAT_VERSION = 3
MANIFEST_FILE = "artifact.json"
CARD_FILE = "README.md"
TOKENIZER_FOLDER = "tokenizer"
TRAINED_ON_FILE = "trained_on.npy"
MAX_FILES = 100

# What each format's graph is called.
GRAPH_FILES = {
    "onnx": "model.onnx",
    "onnx_int8": "model.onnx",
    "openvino": "model.xml",
    "torch": "model.pt2",
    "tf_saved_model": "1",
}


@dataclass(frozen=True)
class Artifact:
    """An exported model as it lies on disk.

    Args:
        path: its folder.
        format: a key of `GRAPH_FILES`.
        name: what a server calls the model.
        labels: names of the classes, in the order of the logits.
        inputs: how ids become rows.
        cleaning_version: of the rules that texts were cleaned by.
        temperature: float > 0, divides the logits before the softmax.
        threshold: float in (0, 1) on the probability of `labels[1]`, or None.
        class_weight: float > 0 for each label, which its probability is multiplied by before the largest is
            taken, or None.
        parity: what the check against the Keras model found.
        origin: of what run it was made, and by what versions.
        files: SHA-256 of every file beside the manifest, by its path within the folder.

    Example:
        >>> artifact = export("runs/films", "models/films")[0]
        >>> artifact.format, artifact.labels
        ('onnx', ('negative', 'positive'))
        >>> classifier = load(artifact)
    """

    path: Path
    format: str
    name: str
    labels: tuple[str, ...]
    inputs: InputConfig
    cleaning_version: int
    temperature: float
    threshold: float | None
    class_weight: tuple[float, ...] | None = None
    parity: dict[str, Any] = dataclasses.field(default_factory=dict)
    origin: dict[str, Any] = dataclasses.field(default_factory=dict)
    files: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def graph(self) -> Path:
        return self.path / GRAPH_FILES[self.format]

    @property
    def decision(self) -> Decision:
        """The rule from logits to labels."""
        return Decision(self.labels, self.temperature, self.threshold, self.class_weight)

    def tokenizer(self) -> Tokenizer:
        """Returns the tokenizer of the model."""
        return Tokenizer.read(self.path / TOKENIZER_FOLDER)

    def write(self) -> Artifact:
        """Writes the manifest over the files that are there, and returns what it says."""
        files = {
            file.relative_to(self.path).as_posix(): sha256(file)
            for file in sorted(self.path.rglob("*"))
            if file.is_file() and file != self.path / MANIFEST_FILE
        }
        written = dataclasses.replace(self, files=files)
        values = {"format_version": FORMAT_VERSION, **dataclasses.asdict(written)}
        del values["path"]
        text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
        (self.path / MANIFEST_FILE).write_text(text, encoding="utf-8")
        return written


def is_artifact(path: str | Path) -> bool:
    """Returns whether a folder is an artifact, damaged or not."""
    return (Path(path) / MANIFEST_FILE).is_file()


def holds_an_artifact_alone(path: Path) -> bool:
    """Returns whether a folder is an artifact and holds nothing that an export doesn't write."""
    ours = {MANIFEST_FILE, CARD_FILE, TOKENIZER_FOLDER, TRAINED_ON_FILE, "model.bin", *GRAPH_FILES.values()}
    return is_artifact(path) and {item.name for item in path.iterdir()} <= ours


def open_artifact(path: str | Path) -> Artifact:
    """Opens an artifact after checking that each of its files is what was exported.

    Raises:
        InputError: it is none, it is damaged or incomplete, or comes from a later version.
    """
    path = Path(path)
    file = path / MANIFEST_FILE
    values = read_versioned(file, FORMAT_VERSION, "an exported model", "make one with `export`")
    try:
        require_labels(labels := values["labels"])
        inputs = from_json(InputConfig, values["inputs"])
        artifact = from_json(Artifact, {**values, "path": path, "inputs": inputs, "labels": tuple(labels)})
        require_temperature(artifact.temperature)
        require_decision(artifact.labels, artifact.threshold, artifact.class_weight)
    except (KeyError, TypeError, InputError) as error:
        raise InputError(f"{file}: it lacks or mistakes a key ({error}); export it again") from None
    _check(artifact)
    return artifact


def _check(artifact: Artifact) -> None:
    path = artifact.path
    if artifact.format not in GRAPH_FILES:
        raise InputError(f"{path}: its format is {artifact.format!r}, which this version does not know")
    if artifact.cleaning_version != CLEANING_VERSION:
        raise InputError(
            f"{path}: its texts were cleaned by version {artifact.cleaning_version} of the rules, and this "
            f"version has {CLEANING_VERSION}; export it again"
        )
    _require_listed(artifact)
    verify(path, artifact.files, "copy or export it again")


def _require_listed(artifact: Artifact) -> None:
    """Refuses an artifact that lists other files than its format has, or holds others than it lists."""
    graph = GRAPH_FILES[artifact.format]
    names = {graph, TRAINED_ON_FILE, *(f"{TOKENIZER_FOLDER}/{name}" for name in TOKENIZER_FILES)}
    names |= {"model.bin"} if artifact.format == "openvino" else set()
    if artifact.format == "tf_saved_model":  # a folder, whose files TensorFlow names
        names = names - {graph} | {name for name in artifact.files if name.startswith(f"{graph}/")}
        names.add(f"{graph}/saved_model.pb")
    manifest, fix = artifact.path / MANIFEST_FILE, "copy or export it again"
    if len(artifact.files) > MAX_FILES:
        raise InputError(f"{manifest}: it lists more than {MAX_FILES} files; {fix}")
    for name in sorted((artifact.files.keys() - {CARD_FILE}) ^ names):
        fault = "lists" if name in artifact.files else "doesn't list"
        raise InputError(f"{manifest}: it {fault} {name}; {fix}")
    for name in plain_files(artifact.path):
        if name != MANIFEST_FILE and name not in artifact.files:
            raise InputError(f"{artifact.path / name}: {MANIFEST_FILE} doesn't list it; remove it")
