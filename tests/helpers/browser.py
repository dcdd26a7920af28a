"""Chromium for the slow tests of pages; they need Debian's chromium-driver."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def open_page(url: str) -> Iterator[Any]:
    """Yields Chromium with a page open."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        browser.set_page_load_timeout(60)
        browser.get(url)
        yield browser
    finally:
        browser.quit()


def resize(browser: Any, width: int, height: int, scheme: str = "light") -> None:
    """Sets the size of the page in CSS pixels, and the color scheme."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def requested(browser: Any) -> list[str]:
    """Returns every URL requested so far, except `data:`; fails if the browser logged an error."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    return [url for url in urls if not url.startswith("data:")]


def is_cut_off(browser: Any) -> bool:
    """Whether the page is wider than the window."""
    return browser.execute_script("return document.documentElement.scrollWidth > window.innerWidth")
