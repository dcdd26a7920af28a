"""The page in a browser: typing, keys, the result, nothing from elsewhere, and no markup out of a text."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from helpers.browser import is_cut_off, open_page, requested, resize
from helpers.served import INPUTS, TOKENIZER, ask, close_to, make_classifier, serving
from keras_sentiment.decision import Decision
from keras_sentiment.inference.classifier import Classifier

pytestmark = pytest.mark.once

SIZES = [(1280, 800), (390, 844)]
TEXT = "This film is not bad , it is very good .\nThe plot is dull , the rest is fine . \U0001f600 good"
KEY = "0123456789abcdef"
PAIR = ("negative", "positive")
STARS = ("one star", "two stars", "three stars", "four stars", "five stars")


class LogitEngine:
    """Gives every text the same logits."""

    compiles = False

    def __init__(self, probabilities):
        self.logits = np.log(np.asarray(probabilities, "float32"))

    def __call__(self, rows):
        return np.tile(self.logits, (len(rows["token_ids"]), 1))


def sure(labels, probabilities, **rule):
    """A classifier that gives every text these probabilities."""
    return Classifier(TOKENIZER, INPUTS, Decision(labels, **rule), LogitEngine(probabilities))


@pytest.fixture(scope="module")
def port():
    with serving(make_classifier()) as port:
        yield port


def test_the_page_needs_nothing_from_elsewhere(port):
    status, headers, page = ask(port, "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert not re.search(r"(src|href)=\"(?!data:,|openapi\.json)", page)
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(| on[a-z]+=\"| style=\"", page)
    assert 'name="viewport"' in page


def test_the_policy_names_the_one_script_and_the_one_style_of_the_page(port):
    _, headers, page = ask(port, "/")
    for element in ("script", "style"):
        contents = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
        assert len(contents) == page.count(f"<{element}") == 1
        digest = base64.b64encode(hashlib.sha256(contents[0].encode()).digest()).decode()
        # The helper gives headers in lower case.
        assert f"{element}-src 'sha256-{digest}';".lower() in headers["content-security-policy"]
    assert "page.css" not in page


def test_each_field_has_a_label_and_each_id_is_used_once(port):
    page = ask(port, "/")[2]
    ids = re.findall(r" id=\"([^\"]+)\"", page)
    assert len(ids) == len(set(ids))
    fields = re.findall(r"<(?:input|textarea|select) id=\"([^\"]+)\"", page)
    assert {"text", "key", "file", "column"} == set(fields)
    for name in fields:
        assert f'<label for="{name}">' in page
    for name in re.findall(r"byId\(\"([^\"]+)\"\)", page):
        assert name in ids


@pytest.fixture
def browser(port):
    with open_page(f"http://127.0.0.1:{port}/") as browser:
        yield browser


def submit(browser, text: str) -> str:
    """Puts a text into the field, presses Ctrl+Enter, returns what the page then says."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    field = browser.find_element(By.ID, "text")
    # Keys of the driver know no characters beyond the first plane.
    browser.execute_script("arguments[0].value = arguments[1]; arguments[0].focus()", field, text[:-1])
    field.send_keys(text[-1])
    return answered(browser, lambda: field.send_keys(Keys.CONTROL, Keys.ENTER))


def answered(browser, act) -> str:
    """Does something that asks the server about a text; returns what the page then says."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    result = browser.find_element(By.ID, "result")
    browser.execute_script("for (const id of ['said', 'shown']) document.getElementById(id).textContent = ''")
    act()
    WebDriverWait(browser, 60).until(lambda _: result.text and not result.get_attribute("aria-busy"))
    return result.text


def text_of(browser, selector: str) -> str:
    from selenium.webdriver.common.by import By

    return browser.find_element(By.CSS_SELECTOR, selector).get_attribute("textContent")


def hosts(browser) -> set[str]:
    return {url.split("/")[2] for url in requested(browser)}


@pytest.mark.slow
class TestBrowser:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_a_text_is_labelled_by_keys_alone(self, browser, port, size, scheme, tmp_path):
        from selenium.webdriver.common.by import By

        resize(browser, *size, scheme)
        said = submit(browser, TEXT)
        expected = make_classifier().predict([TEXT])[0]
        assert said.startswith(f"positive probability {100 * expected['probability']:.1f}%")
        assert re.search(r"good\s+\+2\.00", said)
        assert re.search(r"bad\s+−2\.50", said)
        # What is marked is the text itself, word for word.
        assert text_of(browser, "#result .marked") == TEXT
        named = [word.text for word in browser.find_elements(By.CSS_SELECTOR, ".for.named")]
        assert named == ["good", "fine", "good"]
        # Nothing is cut off at the side.
        assert not is_cut_off(browser)
        assert hosts(browser) == {f"127.0.0.1:{port}"}
        browser.save_screenshot(str(tmp_path / f"page_{size[0]}_{scheme}.png"))

    def test_an_example_is_labelled_by_a_click(self, browser, port):
        from selenium.webdriver.common.by import By

        examples = browser.find_elements(By.CSS_SELECTOR, "#examples button")
        assert len(examples) >= 3
        for example in examples:
            answered(browser, example.click)
            expected = ask(port, body={"text": example.text})[2]
            assert browser.find_element(By.ID, "text").get_attribute("value") == example.text
            assert json.loads(text_of(browser, "#answer")) == close_to(expected)

    def test_a_cut_text_is_said_and_only_what_was_read_is_coloured(self, browser):
        from selenium.webdriver.common.by import By

        words = [f"good{'' if number % 3 else ' bad'}" for number in range(100)]
        text = " ".join(words)
        said = submit(browser, text)
        count = len(text.split())
        expected = make_classifier().explain(text)["unread"]
        unread = text[expected["start"] : expected["end"]]
        assert f"{len(unread.split())} words in the middle of {count} were not read" in said
        assert text_of(browser, ".marked details span").strip() == unread
        coloured = browser.find_elements(By.CSS_SELECTOR, ".marked > .for, .marked > .against")
        read = " ".join(word.get_attribute("textContent") for word in coloured)
        assert read == text[: expected["start"]] + text[expected["end"] :].lstrip()
        # What is too long for /explain is labelled, too.
        said = submit(browser, "good film " * 2000)
        assert said.startswith("positive")
        assert "A part of it was not read" in said
        assert "16,131 characters" in said
        # And a short one after it says nothing of the kind.
        assert "not read" not in submit(browser, "good")

    def test_texts_are_never_markup(self, browser, port):
        from selenium.webdriver.common.by import By

        resize(browser, *SIZES[0])
        submit(browser, "<img src=//192.0.2.1/a onerror=document.title='x'> <script>1</script> good")
        assert browser.find_elements(By.CSS_SELECTOR, "#result img, #result script") == []
        assert browser.title == "Label texts"
        assert hosts(browser) == {f"127.0.0.1:{port}"}

    def test_it_can_be_used_without_seeing_or_a_mouse(self, browser):
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys

        field = browser.switch_to.active_element
        assert field.get_attribute("id") == "text"
        assert field.accessible_name == "Text"
        assert browser.find_element(By.ID, "said").aria_role == "status"
        names = []
        for _ in range(8):
            ActionChains(browser).send_keys(Keys.TAB).perform()
            element = browser.switch_to.active_element
            assert element.value_of_css_property("outline-style") == "solid", element.accessible_name
            names.append(element.accessible_name)
        assert names[0] == "Label the text"
        assert names[4:] == ["Choose a file, or drop it here", "curl command", "Copy", "openapi.json"]

    @pytest.mark.parametrize("text", [TEXT, 'it\'s "good" $HOME `id` \\ !! \u202e\x7f%', "good " * 200])
    @pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
    def test_the_curl_command_gives_the_same_answer(self, browser, port, text):
        from selenium.webdriver.common.by import By

        submit(browser, text)
        shell = text_of(browser, "#curl")
        assert "\u202e" not in shell
        is_shown = browser.find_element(By.ID, "answer-part").is_displayed()
        assert is_shown == (len(text) <= 500)
        found = subprocess.run(["sh", "-c", shell], capture_output=True, check=True, cwd="/")
        asked = text if is_shown else text_of(browser, "#examples button")
        assert json.loads(found.stdout) == close_to(make_classifier().predict([asked])[0])
        if is_shown:
            assert json.loads(text_of(browser, "#answer")) == close_to(json.loads(found.stdout))


@pytest.mark.slow
class TestOtherModels:
    @pytest.mark.parametrize(
        ("classifier", "said", "not_said"),
        [
            (
                sure(PAIR, [0.48, 0.52]),
                "unsure: positive 52.0%, negative 48.0%.",
                "higher",
            ),
            (sure(PAIR, [0.08, 0.92]), "positive probability 92.0%", "unsure"),
            (
                sure(STARS, [0.05, 0.1, 0.3, 0.45, 0.1]),
                "unsure: four stars 45.0%, three stars 30.0%.",
                "higher",
            ),
            (sure(STARS, [0.02, 0.02, 0.02, 0.9, 0.04]), "four stars probability 90.0%", "unsure"),
            (
                sure(PAIR, [0.7, 0.3], threshold=0.25),
                "unsure: the probability of positive is 30.0%, and the label changes at 25.0%.",
                "unsure: negative",
            ),
            (
                sure(PAIR, [0.6, 0.4], threshold=0.25),
                "negative has a higher probability (60.0%), but this model does not choose the most probable",
                "unsure",
            ),
            (sure(("no", "a\u202eb"), [0.1, 0.9]), "a\\u202eb probability 90.0%", "\u202e"),
        ],
    )
    def test_doubt_is_said_in_words(self, classifier, said, not_said):
        with serving(classifier) as port, open_page(f"http://127.0.0.1:{port}/") as browser:
            shown = submit(browser, "x")
            assert said in shown
            assert not_said not in shown
            assert classifier.decision.rule().replace("\u202e", "\\u202e") in shown

    @pytest.mark.parametrize("count", [5, 11, 30])
    def test_all_probabilities_are_shown_or_summed(self, count):
        from selenium.webdriver.common.by import By

        labels = [f"topic {number}" for number in range(count)]
        probabilities = np.arange(1, count + 1) / np.arange(1, count + 1).sum()
        with (
            serving(sure(labels, probabilities)) as port,
            open_page(f"http://127.0.0.1:{port}/") as browser,
        ):
            resize(browser, *SIZES[1])
            submit(browser, "x")
            rows = [row.text.split("\n") for row in browser.find_elements(By.CSS_SELECTOR, ".bars li")]
            shown = count if count <= 11 else 10
            expected = [[labels[n], f"{100 * probabilities[n]:.1f}%"] for n in range(count)][::-1][:shown]
            assert rows[:shown] == expected
            rest = [[f"{count - 10} others", f"{100 * probabilities[: count - 10].sum():.1f}%"]]
            assert rows[shown:] == (rest if count > 11 else [])
            widths = browser.execute_script(
                "return [...document.querySelectorAll('.track span')].map((bar) => bar.style.cssText)"
            )
            assert len(widths) == len(rows)
            assert not is_cut_off(browser)

    def test_a_server_with_keys_is_asked_with_one(self):
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.wait import WebDriverWait

        with (
            serving(make_classifier(), keys=(KEY.encode(),)) as port,
            open_page(f"http://127.0.0.1:{port}/") as browser,
        ):
            resize(browser, *SIZES[1])
            field = browser.find_element(By.ID, "key")
            WebDriverWait(browser, 60).until(lambda _: field.is_displayed())
            assert field.accessible_name == "API key"
            assert submit(browser, "bad") == "This server asks for a key."
            assert browser.switch_to.active_element == field
            field.send_keys("wrong")
            assert submit(browser, "bad") == "This server has no such key."
            field.send_keys("\u043a\u043b\u044e\u0447")
            assert "A key has only" in submit(browser, "bad")
            assert browser.switch_to.active_element == field
            field.clear()
            field.send_keys(KEY)
            assert submit(browser, "bad").startswith("negative")
            assert not is_cut_off(browser)
            shell = text_of(browser, "#curl")
            assert KEY not in shell
            if shutil.which("curl"):
                settings = {**os.environ, "API_KEY": KEY}
                found = subprocess.run(["sh", "-c", shell], env=settings, capture_output=True, check=True)
                assert json.loads(found.stdout) == close_to(make_classifier().predict(["bad"])[0])

    def test_a_server_without_keys_asks_for_none(self, browser):
        from selenium.webdriver.common.by import By

        submit(browser, "bad")
        assert "256 texts" in text_of(browser, "#limits")
        assert not browser.find_element(By.ID, "key").is_displayed()
        assert "API_KEY" not in text_of(browser, "#curl")
