"""Where artifacts may be written; apart from `artifact`, since a server only reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keras_sentiment.inference.artifact import holds_an_artifact_alone
from keras_sentiment.storage.atomic import require_free_folder


def require_free_artifacts(out: Path, formats: Sequence[str], overwrite: bool) -> None:
    """Refuses a folder for artifacts that holds something which may not be replaced.

    Raises:
        InputError: with the fix.
    """
    for name in formats:
        require_free_folder(out / name, overwrite, holds_an_artifact_alone)
