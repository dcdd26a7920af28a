"""A `model.keras`, which may be untrusted: what it can hold is listed here, and the rest is refused.

Keras looks up what a file names, and some of what it finds runs code or reads other files: a `Lambda`, a
layer around a torch module or a SavedModel, any layer of any installed package of Keras's family. So names
are checked before Keras sees them. Sizes are checked too: a config of a few bytes can ask for more memory
than a machine has, and an HDF5 file for more than it holds, or for what another file holds.
"""

from __future__ import annotations

import io
import math
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from keras_sentiment.errors import InputError, first_line
from keras_sentiment.storage.json_files import MAX_FILE_BYTES, parse_object

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = {"metadata.json", _CONFIG, _WEIGHTS}
# Groups and arrays of a weights file. BERT's 24 blocks have 2,000; a group within itself has no end of them.
_MAX_OBJECTS = 20_000

# What our models are made of, by the module that a config names.
_KERAS = {
    "keras": {"DTypePolicy"},
    "keras.initializers": {
        "GlorotUniform", "Ones", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling",
        "Zeros",
    },
    "keras.layers": {
        "Add", "Concatenate", "Dense", "Dot", "Dropout", "Embedding", "GlobalAveragePooling1D", "InputLayer",
        "LayerNormalization", "ReversibleEmbedding",
    },
    "keras.src.models.functional": {"Functional"},
    "keras.src.ops.numpy": {"GetItem", "ZerosLike"},
    None: {"__keras_tensor__", "__slice__"},
}  # fmt: skip
_FUNCTIONS = {"keras_hub>gelu_approximate", "gelu", "relu", "tanh"}
# Those that are looked up by the name under which they were registered.
_REGISTERED = {
    "keras_hub>PositionEmbedding",
    "keras_hub>TransformerEncoder",
    "keras_sentiment>DistinctVotes",
    "keras_sentiment>Dropout",
    "keras_sentiment>EncoderBlock",
    "keras_sentiment>LocalBlock",
    "keras_sentiment>NgramEnsemble",
    "keras_sentiment>PositionEmbedding",
    "keras_sentiment>TokenEmbedding",
}


def read_model(path: Path) -> Any:
    """Returns the Keras model of a file, on the current backend; the layers it names are registered already.

    Raises:
        InputError: it is damaged, of a version of Keras that can't be read, or holds what our models do not.
    """
    import keras

    try:
        config, stored = _inspect(path)
        # In a thread of its own, because Keras remembers there which variables still have to be made.
        with ThreadPoolExecutor(1) as thread:
            needed = thread.submit(_parameters, config).result()
        if needed > stored:
            raise InputError(f"it describes {needed:,} parameters and holds {stored:,}")
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # zipfile, h5py, Keras and the backend each raise errors of their own
        raise InputError(
            f"{path}: it can't be read ({first_line(error)}); train again or copy it anew"
        ) from error


def _inspect(path: Path) -> tuple[dict[str, Any], int]:
    """Returns the config of a model file, and how many numbers its weights are."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != len(_MEMBERS) or set(names) != _MEMBERS:
            raise InputError(f"it holds {', '.join(sorted(names)[:9])} instead of {', '.join(_MEMBERS)}")
        # As Keras writes them. What is not compressed takes no more memory than the file has bytes.
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise InputError("it is compressed, which Keras's files are not")
        if archive.getinfo(_CONFIG).file_size > MAX_FILE_BYTES:
            raise InputError(f"its {_CONFIG} is larger than {MAX_FILE_BYTES >> 20} MB")
        config = parse_object(archive.read(_CONFIG), _CONFIG)
        _require_ours(config)
        # Read whole, as Keras does: only then the archive's checksum is compared, and h5py jumps to and fro.
        weights = archive.read(_WEIGHTS)
    return config, _stored_numbers(weights)


def _require_ours(value: Any) -> None:
    """Refuses a config that names anything else than our models are made of."""
    if isinstance(value, dict):
        if "class_name" in value and not _is_ours(value):
            name = f"{value['class_name']!r:.100}"
            raise InputError(f"it holds {name}, which no model of ours does: it might run code")
        for each in value.values():
            _require_ours(each)
    elif isinstance(value, list):
        for each in value:
            _require_ours(each)
    # Keras takes the name of a registered class or function for itself in many places.
    elif isinstance(value, str) and ">" in value and value not in _REGISTERED | _FUNCTIONS:
        raise InputError(f"it names {value!r:.100}, which no model of ours does: it might run code")


def _is_ours(value: dict[str, Any]) -> bool:
    import keras

    name, module = value["class_name"], value.get("module")
    registered = value.get("registered_name")
    if not isinstance(name, str) or not isinstance(module, str | None):
        return False
    if name == "function":
        return module == "builtins" and registered == name and value.get("config") in _FUNCTIONS
    if registered in _REGISTERED:
        return keras.saving.get_registered_object(registered) is not None
    return registered in (None, name) and name in _KERAS.get(module, ())


def _parameters(config: dict[str, Any]) -> int:
    """Returns how many numbers the weights of a model are, without making them."""
    import keras

    with keras.StatelessScope(initialize_variables=False):
        model = keras.saving.deserialize_keras_object({**config, "compile_config": None}, safe_mode=True)
        return sum(math.prod(weight.shape) for weight in model.weights)


def _stored_numbers(weights: bytes) -> int:
    """Returns how many numbers an HDF5 file holds, plainly and within itself."""
    import h5py

    numbers = taken = objects = 0
    with h5py.File(io.BytesIO(weights), "r") as file:
        groups = [file]
        while groups:
            group = groups.pop()
            for name in group:
                objects += 1
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink) or objects > _MAX_OBJECTS:
                    raise InputError("its weights are linked from elsewhere")
                item = group[name]
                if isinstance(item, h5py.Group):
                    groups.append(item)
                    continue
                plain = isinstance(item, h5py.Dataset) and not item.external and not item.is_virtual
                # One that is compressed or has holes takes less of the file than of the memory.
                if not plain or item.dtype.kind not in "fiu" or item.id.get_storage_size() != item.nbytes:
                    raise InputError("its weights are not stored as plain numbers")
                numbers += item.size
                taken += item.nbytes
    if taken > len(weights):
        raise InputError("its weights are larger than the file")
    return numbers
