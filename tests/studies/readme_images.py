"""The pictures of `docs/images`: the report and the page of a model that is trained on made-up reviews.

`python -m tests.studies.readme_images` makes up product reviews, trains the default on them in a temporary
folder, evaluates and serves it, and writes a PNG of each page. It needs Chromium and chromium-driver.
"""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers.browser import open_page, resize

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = (1280, 1000)
_COMMAND = [sys.executable, "-c", "from keras_sentiment.scripts import main; main()"]
_EXAMPLE = "The screen is bright. The strap is not comfortable. Nobody would call the battery unreliable."
_THINGS = ["screen", "battery", "charger", "camera", "keyboard", "strap", "case", "speaker", "handle", "lid"]
_GOOD = ["excellent", "sturdy", "reliable", "quick", "comfortable", "bright", "quiet", "well made"]
_BAD = ["useless", "flimsy", "unreliable", "slow", "uncomfortable", "dim", "noisy", "badly made"]
# Each with whether it means what its last word means.
_CLAIMS = [
    ("The {} is {}.", True),
    ("I find the {} very {}.", True),
    ("After a month the {} is still {}.", True),
    ("The {} is not {}.", False),
    ("Nobody would call the {} {}.", False),
    ("They say that the {} is {}, which is wrong.", False),
]
_NEUTRAL = ["It came with a {}.", "I bought it for the {}.", "The {} is black.", "My sister has a {} too."]


def write_reviews(path: Path, count: int = 4000, seed: int = 0) -> None:
    """Writes a table of reviews of several sentences. The label is the side that more of them take."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        for _ in range(count):
            share = rng.choice([0.1, 0.3, 0.7, 0.9])
            sides = rng.random(rng.choice([1, 3, 5, 7])) < share
            sentences = [_sentence(rng, side) for side in sides]
            sentences += [str(each).format(rng.choice(_THINGS)) for each in rng.choice(_NEUTRAL, 2)]
            rng.shuffle(sentences)
            table.writerow([" ".join(sentences), "positive" if sides.mean() > 0.5 else "negative"])


def _sentence(rng: np.random.Generator, positive: bool) -> str:
    claim, straight = _CLAIMS[rng.integers(len(_CLAIMS))]
    return claim.format(rng.choice(_THINGS), rng.choice(_GOOD if positive == straight else _BAD))


def save(png: bytes, path: Path) -> None:
    """Writes a picture in 128 colours, which is a third of the size."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(128).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def picture_of_report(run: Path) -> bytes:
    with open_page((run / "report.html").resolve().as_uri()) as browser:
        resize(browser, *SIZE)
        return browser.get_screenshot_as_png()


def picture_of_page(artifact: Path) -> bytes:
    command = [*_COMMAND, "serve", str(artifact), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            url = next(found[0] for line in server.stderr if (found := re.search(r"http://\S+:\d+", line)))
            with open_page(url) as browser:
                resize(browser, *SIZE)
                from selenium.webdriver.common.by import By
                from selenium.webdriver.support.ui import WebDriverWait

                browser.find_element(By.ID, "text").send_keys(_EXAMPLE)
                browser.find_element(By.ID, "label").click()
                WebDriverWait(browser, 30).until(lambda page: page.find_elements(By.CLASS_NAME, "marked"))
                return browser.get_screenshot_as_png()
        finally:
            server.terminate()


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_reviews(Path("reviews.csv"))
        for arguments in (
            ["prepare", "reviews.csv", "data"],
            ["train-transformer", "data", "runs/products"],
            ["evaluate", "runs/products", "data"],
            ["export", "runs/products", "models/products"],
        ):
            subprocess.run([*_COMMAND, *arguments], check=True)
        save(picture_of_report(Path("runs/products")), IMAGES / "report.png")
        save(picture_of_page(Path("models/products/onnx")), IMAGES / "page.png")


if __name__ == "__main__":
    main()
