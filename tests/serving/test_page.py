"""The page in a browser: typing, keys, the result, nothing from elsewhere, and no markup out of a text."""

import re

import pytest

from helpers.browser import is_cut_off, open_page, requested, resize
from helpers.served import ask, make_classifier, serving

pytestmark = pytest.mark.once

SIZES = [(1280, 800), (390, 844)]
REVIEW = "This film is not bad , it is very good .\nThe plot is dull , the rest is fine . \U0001f600 good"


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
    assert "innerHTML" not in page
    assert '<label for="text">' in page
    assert 'name="viewport"' in page


@pytest.fixture
def browser(port):
    with open_page(f"http://127.0.0.1:{port}/") as browser:
        yield browser


def submit(browser, text: str) -> str:
    """Puts a text into the field, presses Ctrl+Enter, returns what the page then says."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.wait import WebDriverWait

    field, result = browser.find_element(By.ID, "text"), browser.find_element(By.ID, "result")
    before = result.text
    # Keys of the driver know no characters beyond the first plane.
    browser.execute_script("arguments[0].value = arguments[1]; arguments[0].focus()", field, text[:-1])
    field.send_keys(text[-1])
    field.send_keys(Keys.CONTROL, Keys.ENTER)
    WebDriverWait(browser, 60).until(
        lambda _: result.text not in ("", before) and not result.get_attribute("aria-busy")
    )
    return result.text


def hosts(browser) -> set[str]:
    return {url.split("/")[2] for url in requested(browser)}


class TestBrowser:
    pytestmark = pytest.mark.slow

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_a_review_is_labelled_by_keys_alone(self, browser, port, size, scheme, tmp_path):
        from selenium.webdriver.common.by import By

        resize(browser, *size, scheme)
        said = submit(browser, REVIEW)
        expected = make_classifier().predict([REVIEW])[0]
        assert said.startswith(f"positive with a probability of {100 * expected['probability']:.1f} %")
        assert "good (+2.00)" in said
        assert "bad (−2.50)" in said
        # What is marked is the review itself, word for word.
        text = browser.find_element(By.CSS_SELECTOR, "#result .text")
        assert text.get_attribute("textContent") == REVIEW
        named = [word.text for word in browser.find_elements(By.CSS_SELECTOR, ".for.named")]
        assert named == ["good", "fine", "good"]
        # Nothing is cut off at the side.
        assert not is_cut_off(browser)
        assert hosts(browser) == {f"127.0.0.1:{port}"}
        browser.save_screenshot(str(tmp_path / f"page_{size[0]}_{scheme}.png"))

    def test_texts_are_never_markup(self, browser, port):
        from selenium.webdriver.common.by import By

        resize(browser, *SIZES[0])
        submit(browser, "<img src=//192.0.2.1/a onerror=document.title='x'> <script>1</script> good")
        assert browser.find_elements(By.CSS_SELECTOR, "#result img, #result script") == []
        assert browser.title == "Sentiment of a review"
        assert hosts(browser) == {f"127.0.0.1:{port}"}

    def test_mistakes_are_told(self, browser, port):
        resize(browser, *SIZES[0])
        assert "longer than" in submit(browser, "good " * 20_000)
        assert submit(browser, "bad").startswith("negative")

    def test_it_can_be_used_without_seeing_or_a_mouse(self, browser):
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys

        field = browser.switch_to.active_element
        assert field.get_attribute("id") == "text"
        assert field.accessible_name == "Review"
        assert browser.find_element(By.ID, "result").get_attribute("aria-live") == "polite"
        field.send_keys(Keys.TAB)
        button = browser.switch_to.active_element
        assert (button.tag_name, button.accessible_name) == ("button", "Label it")
        assert button.value_of_css_property("outline-style") == "solid"

    def test_a_server_with_keys_is_asked_with_one(self):
        from selenium.webdriver.common.by import By

        key = "0123456789abcdef"
        with (
            serving(make_classifier(), keys=(key.encode(),)) as port,
            open_page(f"http://127.0.0.1:{port}/") as browser,
        ):
            resize(browser, *SIZES[1])
            field = browser.find_element(By.ID, "key")
            assert not field.is_displayed()
            assert submit(browser, "bad") == "This server asks for a key."
            assert field.is_displayed()
            assert field.accessible_name == "Key of this server"
            assert browser.switch_to.active_element == field
            field.send_keys("wrong")
            assert submit(browser, "bad") == "This is no key of this server."
            field.send_keys("\u043a\u043b\u044e\u0447")
            assert "A key holds" in submit(browser, "bad")
            assert browser.switch_to.active_element == field
            field.clear()
            field.send_keys(key)
            assert submit(browser, "bad").startswith("negative")
            assert not is_cut_off(browser)
