"""Writes the files of a split of a corpus, review by review."""

from __future__ import annotations

import json
from array import array
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from keras_sentiment.data.corpus import IDS_FILE, LABELS_FILE, OFFSETS_FILE, TEXTS_FILE


class SplitWriter:
    """Appends encoded reviews to the files of one split."""

    def __init__(self, folder: Path, dtype: npt.DTypeLike, files: ExitStack) -> None:
        folder.mkdir()
        self._folder = folder
        self._dtype = np.dtype(dtype)
        self._ids: BinaryIO = files.enter_context((folder / IDS_FILE).open("wb"))
        # A file name that is not UTF-8 reaches a row as surrogates, which JSON can escape.
        self._texts = files.enter_context(
            (folder / TEXTS_FILE).open("w", encoding="utf-8", errors="backslashreplace", newline="\n")
        )
        self._write_header(0)
        self._lengths = array("q")
        self.unknown_tokens = 0
        self.words = 0

    def _write_header(self, tokens: int) -> None:
        # NumPy pads the header so that it keeps its size while the shape grows.
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (tokens,)}
        self._ids.seek(0)
        np.lib.format.write_array_header_1_0(self._ids, header)

    def add(self, text: str, label: str, source: str, ids: npt.NDArray[np.int32], unknown_id: int) -> None:
        self._ids.write(ids.astype(self._dtype).tobytes())
        record = json.dumps({"text": text, "label": label, "source": source}, ensure_ascii=False)
        self._texts.write(record + "\n")
        self._lengths.append(len(ids))
        self.words += text.count(" ") + 1
        self.unknown_tokens += int((ids == unknown_id).sum())

    def finish(self, labels: npt.NDArray[np.int64]) -> int:
        """Write what is known at the end, and return the number of tokens."""
        offsets = np.concatenate([[0], np.cumsum(np.array(self._lengths, np.int64))]).astype(np.int64)
        self._write_header(int(offsets[-1]))
        np.save(self._folder / OFFSETS_FILE, offsets)
        np.save(self._folder / LABELS_FILE, labels.astype(np.int32))
        return int(offsets[-1])
