"""An artifact on disk: a model in one format, with everything that is needed to label a text.

artifact.json    the manifest: labels, preprocessing, parity check, the hash of every file
tokenizer/       vocab.txt, tokenizer.json
trained_on.npy   the keys of all texts that the model was trained on, copied from the run
README.md        how to serve the artifact
model.onnx, model.xml and model.bin, model.pt2, or the numbered version folder of a SavedModel

It is read with the standard library and numpy alone, so that a server needs no Keras.
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

# The file name of the graph in each format.
GRAPH_FILES = {
    "onnx": "model.onnx",
    "onnx_int8": "model.onnx",
    "openvino": "model.xml",
    "torch": "model.pt2",
    "tf_saved_model": "1",
}


@dataclass(frozen=True)
class Artifact:
    """An exported model on disk.

    Args:
        path: its folder.
        format: a key of `GRAPH_FILES`.
        name: of the model on a server.
        labels: names of the classes, in the order of the logits.
        inputs: how token ids are made into rows.
        cleaning_version: int, the version of the cleaning rules.
        temperature: float > 0, divides the logits before the softmax.
        threshold: float in (0, 1) on the probability of `labels[1]`, or None.
        class_weight: float > 0 for each label; the label with the largest product of weight and probability
            is chosen. None: equal weights.
        parity: the result of the comparison with the Keras model.
        origin: the run that was exported, and the versions of the packages.
        files: SHA-256 of every file except the manifest, by its path in the folder.

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
        """Writes the manifest, with the hashes of the files in the folder, and returns the new artifact."""
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
    """Returns whether a folder has the manifest of an artifact. The artifact may be damaged."""
    return (Path(path) / MANIFEST_FILE).is_file()


def holds_an_artifact_alone(path: Path) -> bool:
    """Returns whether a folder is an artifact and has no other files than an export writes."""
    ours = {MANIFEST_FILE, CARD_FILE, TOKENIZER_FOLDER, TRAINED_ON_FILE, "model.bin", *GRAPH_FILES.values()}
    return is_artifact(path) and {item.name for item in path.iterdir()} <= ours


def open_artifact(path: str | Path) -> Artifact:
    """Opens an artifact after comparing the hash of each of its files with the manifest.

    Raises:
        InputError: the folder is not an artifact, is damaged or incomplete, or comes from a later version.
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
        raise InputError(f"{file}: a key is missing or wrong ({error}); export the model again") from None
    _check(artifact)
    return artifact


def _check(artifact: Artifact) -> None:
    path = artifact.path
    if artifact.format not in GRAPH_FILES:
        raise InputError(f"{path}: unknown format {artifact.format!r}; export the model again")
    if artifact.cleaning_version != CLEANING_VERSION:
        raise InputError(
            f"{path}: the model needs version {artifact.cleaning_version} of the cleaning rules, and this "
            f"program has version {CLEANING_VERSION}; export the model again"
        )
    _require_listed(artifact)
    verify(path, artifact.files, "copy or export it again")


def _require_listed(artifact: Artifact) -> None:
    """Refuses an artifact whose manifest, or whose folder, has other files than its format needs."""
    graph = GRAPH_FILES[artifact.format]
    names = {graph, TRAINED_ON_FILE, *(f"{TOKENIZER_FOLDER}/{name}" for name in TOKENIZER_FILES)}
    names |= {"model.bin"} if artifact.format == "openvino" else set()
    if artifact.format == "tf_saved_model":  # a folder; TensorFlow chooses the names of its files
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
