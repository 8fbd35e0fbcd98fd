"""The page for review as a person uses it: keys, buttons, filters, and what is taken away."""

from __future__ import annotations

import csv
import io
import time

import pytest

from kpsearch.dedup.review import make_thumbnails, write_review
from tests.browser import CHROMIUM, browser
from tests.judged_job import judged_job

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium to open the page in")

RELATION = """document.querySelector("[aria-current] .badge")?.textContent"""
TITLES = """[...document.querySelectorAll(".card h2")].map((one) => one.firstChild.data.trim())"""
SAID = """document.getElementById("said").textContent"""
PRESSED = """[...document.querySelectorAll('.verdicts [aria-pressed="true"]')]
  .map((one) => one.dataset.verdict)"""
NOTHING_TO_EXPORT = """document.getElementById("export").disabled"""
CATCH_EXPORT = """URL.createObjectURL = (blob) => {
  window.taken = blob.text(); return "#"; }"""


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return judged_job(tmp_path_factory.mktemp("job"))


@pytest.fixture(scope="module")
def path(job, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "review.html"
    write_review(
        path,
        job.groups,
        pairs=job.pairs,
        entries=job.entries,
        thumbnails=make_thumbnails,
        title="Duplicates",
        summary={},
    )
    return path


@pytest.fixture(scope="module")
def open_browser():
    with browser() as tab:
        yield tab


@pytest.fixture
def tab(open_browser, path):
    open_browser.open(path)
    open_browser.run("localStorage.clear()")
    open_browser.open(path)
    open_browser.errors.clear()
    open_browser.requests.clear()
    yield open_browser
    assert open_browser.errors == []


def until(tab, script: str, wanted) -> None:
    """Wait for the page to answer what it should."""
    deadline = time.monotonic() + 20
    while (found := tab.run(script)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def choose(tab, field: str, value: str) -> None:
    tab.run(
        f"""(() => {{ const field = document.getElementById("{field}"); field.value = "{value}";
        field.dispatchEvent(new Event("input", {{ bubbles: true }})); }})()"""
    )


def exported(tab) -> list[dict[str, str]]:
    tab.run(CATCH_EXPORT)
    tab.press("e")
    if tab.run(NOTHING_TO_EXPORT):
        return []
    return list(csv.DictReader(io.StringIO(tab.run("window.taken"), newline=""), strict=True))


def test_the_page_asks_for_nothing_but_itself(tab, path):
    tab.open(path)
    until(tab, TITLES, ["Group 1", "Group 2", "Pair 1", "Pair 2", "Pair 3"])
    asked = [url for url in tab.requests if not url.startswith("data:image/webp;base64,")]
    assert asked == [path.resolve().as_uri()]
    broken = "[...document.images].filter((one) => one.complete && !one.naturalWidth).length"
    assert tab.run(broken) == 0


def test_names_are_text_and_nothing_else(tab):
    tab.run("document.querySelectorAll('.stub').forEach((stub) => stub.scrollIntoView())")
    until(tab, "document.querySelectorAll('.stub').length", 0)
    assert tab.run("document.querySelectorAll('#cards b:not(.keep, .confidence)').length") == 0
    names = tab.run("[...document.querySelectorAll('.file')].map((one) => one.textContent)")
    assert any(r"\n\u202egpj.png" in name for name in names)


def test_keys_lead_from_pair_to_pair(tab):
    seen = [tab.run(RELATION)]
    for _ in range(6):
        tab.press("j")
        seen.append(tab.run(RELATION))
    assert seen == [
        "mirrored",
        "contains",  # and over the equal files, of which there is nothing to decide
        "near-duplicate",
        "same-item",
        "variant",
        "shared-part",
        "shared-part",
    ]
    assert tab.run(SAID) == "That was the last pair."
    tab.press("k")
    assert tab.run(RELATION) == "variant"


def test_a_decision_leads_on_and_can_be_taken_back(tab):
    tab.press("sv")
    assert tab.run(RELATION) == "near-duplicate"
    assert [row["verdict"] for row in exported(tab)] == ["same", "variant"]
    tab.press("u")
    assert tab.run(RELATION) == "contains"
    assert [row["verdict"] for row in exported(tab)] == ["same"]
    tab.press("uu")
    assert exported(tab) == []


def test_decisions_are_there_when_the_page_is_opened_again(tab, path):
    tab.press("d")
    tab.open(path)
    assert tab.run(PRESSED)[:1] == ["different"]
    tab.press("u")
    tab.open(path)
    assert "different" not in tab.run(PRESSED)[:1]


def test_what_is_exported_says_which_pictures(tab, job):
    tab.press("jjjjd")  # the variant, whose names are hostile
    (row,) = exported(tab)
    a, b = job.entries[5], job.entries[6]
    assert row == {
        "path_a": a.path,
        "path_b": b.path.encode(errors="backslashreplace").decode(),
        "content_hash_a": a.content_hash.hex(),
        "content_hash_b": b.content_hash.hex(),
        "verdict": "different",
    }


def test_a_button_decides_and_takes_back(tab):
    press = "document.querySelector('.verdicts .variant').click()"
    tab.run(press)
    assert [row["verdict"] for row in exported(tab)] == ["variant"]
    tab.run(press)
    assert exported(tab) == []


@pytest.mark.parametrize(
    ("field", "value", "listed"),
    [
        ("kind", "pair", ["Pair 1", "Pair 2", "Pair 3"]),
        ("relation", "6", ["Pair 2"]),
        ("low", "99", ["Group 1", "Group 2", "Pair 1"]),
        ("high", "30", ["Pair 2"]),
        ("decided", "yes", ["Pair 3"]),
        ("text", "GONE/", ["Group 2"]),
        ("text", "no such path", []),
        ("order", "doubt", ["Pair 2", "Pair 1", "Group 1", "Group 2", "Pair 3"]),
        ("order", "sure", ["Group 2", "Group 1", "Pair 1", "Pair 3", "Pair 2"]),
    ],
)
def test_filters_and_orders(tab, field, value, listed):
    choose(tab, field, value)
    until(tab, TITLES, listed)


def test_differences_are_drawn_and_put_away(tab):
    tab.press("jjjj")
    shown = "getComputedStyle(document.querySelector('[aria-current] .grid')).visibility"
    assert tab.run(shown) == "visible"
    tab.press("x")
    assert tab.run(shown) == "hidden"


def test_the_difference_is_where_the_grid_has_it(tab):
    tab.press("jjjj")
    alpha = """(() => { const grid = document.querySelector("[aria-current] .grid");
      const data = grid.getContext("2d").getImageData(0, 0, 3, 3).data;
      return [...data].filter((value, i) => i % 4 === 3); })()"""
    assert tab.run(alpha) == [180, 0, 0, 0, 180, 0, 0, 0, 180]


def test_a_key_typed_into_the_search_is_no_command(tab):
    tab.press("/")
    tab.press("sd")
    assert tab.run("document.getElementById('text').value") == "sd"
    assert tab.run(NOTHING_TO_EXPORT)


def test_help_opens_and_single_keys_can_be_switched_off(tab):
    tab.press("?")
    assert tab.run("document.getElementById('keys').open")
    tab.run("document.getElementById('keys-on').click()")
    tab.run("document.getElementById('keys').close()")
    tab.press("s")
    assert tab.run(NOTHING_TO_EXPORT)
