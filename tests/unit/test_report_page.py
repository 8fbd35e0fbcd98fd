"""The page and its folder: well formed, self-contained, safe with any name, true to the answers."""

from __future__ import annotations

import dataclasses
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kpsearch.errors import KpsearchError
from kpsearch.images import read_image
from kpsearch.report import write_match_report, write_picture
from kpsearch.types import ImageSize
from tests.unit.test_report_answers import answer_of, item_pixels, photo_pixels, planted_hit

VOID = {"meta", "img", "br", "wbr", "link", "input", "hr"}
HOSTILE = [
    '<script>alert("1")</script>.png',
    "\"onerror='alert(1)' x=.png",
    "&lt;b&amp;.png",
    "two\nlines\r.png",
    "undecodable-\udcff\udc80.png",
    "right-to-left-\u202egnp.png",
    "$title ${style} %s {0}.png",
]


class Page(HTMLParser):
    """What a browser would see of a page; fails on a tag that is not closed in order."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.source = path.read_bytes().decode("utf-8")
        self.feed(self.source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attrs
            for name, attrs in self.tags
            if name == tag and all(attrs.get(key.rstrip("_")) == wanted[key] for key in wanted)
        ]


@pytest.fixture
def photo(tmp_path: Path) -> str:
    write_picture(tmp_path / "photo.png", photo_pixels())
    return str(tmp_path / "photo.png")


@pytest.fixture
def item(tmp_path: Path) -> str:
    write_picture(tmp_path / "item.png", item_pixels())
    return str(tmp_path / "item.png")


def report(tmp_path: Path, *answers, **changes) -> Page:
    settings = {"title": "A report", "index_facts": {"Images": "1,234"}} | changes
    return Page(write_match_report(tmp_path / "report", answers, **settings))


def test_a_report_is_a_page_with_its_pictures_beside_it(tmp_path, photo, item):
    write_match_report(
        tmp_path / "report", [answer_of(photo, planted_hit(item))], title="A", index_facts={}
    )
    assert sorted(os.listdir(tmp_path / "report")) == [
        "index.html",
        "item-0001.jpg",
        "match-0001-1.jpg",
        "query-0001.jpg",
    ]


def test_every_picture_is_there_has_its_size_and_a_text_for_who_cannot_see_it(
    tmp_path, photo, item
):
    page = report(tmp_path, answer_of(photo, planted_hit(item)))
    assert len(page.all("img")) == 3
    for image in page.all("img"):
        size = ImageSize(int(image["width"]), int(image["height"]))
        assert read_image(tmp_path / "report" / image["src"]).size == size
        assert re.search(r"query|[Ii]tem", image["alt"])


def test_nothing_is_loaded_from_elsewhere(tmp_path, photo, item):
    page = report(tmp_path, answer_of(photo, planted_hit(item)), embed=True)
    assert os.listdir(tmp_path / "report") == ["index.html"]
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert all(link["href"].startswith("#") for link in page.all("a"))
    assert not re.search(r"https?:|@import|url\(", page.source)


def test_the_head_counts_what_was_searched_and_found(tmp_path, photo, item):
    page = report(
        tmp_path,
        answer_of(photo, planted_hit(item), milliseconds=10),
        answer_of(photo, planted_hit(item, verified=False), milliseconds=20),
        answer_of(photo, milliseconds=50),
        truth={photo: {item}},
    )
    assert "Images" in page.text
    assert "1,234" in page.text
    for figure in ("3 queries", "1 matched", "2 no match", "60 ms median time", "1 of 3 right"):
        assert figure in page.text


def test_each_query_has_a_card_with_its_hits_and_stages(tmp_path, photo, item):
    first, second = planted_hit(item), planted_hit(item, rank=2, verified=False, inliers=3)
    page = report(tmp_path, answer_of(photo, first, second))
    assert len(page.all("article", id="query-1")) == 1
    assert len(page.all("tr")) == 3
    assert "42.5" in page.text
    assert "0.998" in page.text
    assert "0.018" in page.text
    assert "900 keypoints" in page.text
    assert "features 10 ms" in page.text
    assert "30 ms in all" in page.text
    assert len(page.all("img", class_="match")) == 1


def test_only_as_many_match_pictures_are_made_as_asked_for(tmp_path, photo, item):
    hits = [planted_hit(item, rank=rank) for rank in (1, 2, 3)]
    page = report(tmp_path, answer_of(photo, *hits), hits_per_query=2)
    assert [image["src"] for image in page.all("img", class_="match")] == [
        "match-0001-1.jpg",
        "match-0001-2.jpg",
    ]


def test_an_item_hit_twice_has_one_thumbnail(tmp_path, photo, item):
    page = report(
        tmp_path, answer_of(photo, planted_hit(item)), answer_of(photo, planted_hit(item))
    )
    assert {image["src"] for image in page.all("img", class_="tiny")} == {"item-0001.jpg"}


@pytest.mark.parametrize(
    ("right", "verified", "marks"),
    [
        ({"item"}, True, ["the right answer", "a right item"]),
        ({"item", "other"}, True, ["the right answer", "a right item"]),
        ({"other"}, True, ["not the right answer"]),
        ({"item"}, False, ["not the right answer", "a right item"]),
        (set(), True, ["not the right answer"]),
        (set(), False, ["the right answer"]),
    ],
)
def test_an_answer_is_marked_right_or_wrong_where_the_truth_is_known(
    tmp_path, photo, item, right, verified, marks
):
    truth = {photo: {item if name == "item" else name for name in right}}
    answer = answer_of(photo, planted_hit(item, verified=verified))
    page = report(tmp_path, answer, truth=truth)
    assert [mark["aria-label"] for mark in page.all("span", role="img")] == marks


def test_a_query_without_known_truth_has_no_mark(tmp_path, photo, item):
    page = report(tmp_path, answer_of(photo, planted_hit(item)), truth={"another": {item}})
    assert page.all("span", role="img") == []
    assert "right" not in page.text


def page_full_of(name: str, folder: Path) -> Page:
    """A page with ``name`` wherever a text can stand. A name with a slash spans two folders."""
    path = folder / "pictures" / name
    path.parent.mkdir(parents=True)
    write_picture(path, item_pixels())
    hit = dataclasses.replace(planted_hit(str(path)), category=name)
    answer = dataclasses.replace(answer_of(str(path), hit), warnings=(name,))
    truth = {str(path): {str(path)}}
    return report(folder, answer, answer, title=name, index_facts={name: name}, truth=truth)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_changes_nothing_but_the_text(tmp_path, name):
    plain = page_full_of("plain.png", tmp_path / "plain")
    page = page_full_of(name, tmp_path / "hostile")
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in plain.tags}
    keys, plain_keys = ({key for _, attrs in p.tags for key in attrs} for p in (page, plain))
    assert keys == plain_keys
    assert len(page.all("img", class_="match")) == 2
    assert "\u202e" not in page.source


def test_a_hostile_name_reads_as_it_is(tmp_path, item):
    page = report(tmp_path, answer_of("<b>&amp;\n.png", planted_hit(item)))
    assert "<b>&amp;\\n.png" in page.text


def test_a_hit_that_cannot_be_read_any_more_gets_a_note(tmp_path, photo):
    page = report(tmp_path, answer_of(photo, planted_hit(str(tmp_path / "gone.png"))))
    assert "No match picture of rank 1. gone.png cannot be read any more" in page.text
    assert len(page.all("img")) == 1


def test_a_query_that_cannot_be_read_any_more_gets_a_note(tmp_path, item):
    page = report(tmp_path, answer_of("null\0byte.png", planted_hit(item)))
    assert "null\\x00byte.png cannot be read any more" in page.text
    assert [image["class"] for image in page.all("img")] == ["tiny"]


def test_a_picture_without_keypoints_is_said_to_have_none(tmp_path, photo):
    page = report(tmp_path, dataclasses.replace(answer_of(photo), keypoints=0, stages=()))
    assert "the picture has no keypoints" in page.text


def test_a_report_of_no_queries_is_a_page_that_says_so(tmp_path):
    page = report(tmp_path, index_facts={})
    assert "No queries." in page.text
    assert page.all("article") == []


def test_a_report_replaces_the_one_before(tmp_path, photo, item):
    report(tmp_path, answer_of(photo, planted_hit(item)), title="Before")
    page = report(tmp_path, answer_of(photo, planted_hit(item)), title="After")
    assert "After" in page.text
    assert "Before" not in page.text


def test_a_file_where_the_folder_should_be_is_an_error_that_names_it(tmp_path, photo):
    with pytest.raises(KpsearchError, match=r"photo\.png: no folder can be made here"):
        write_match_report(photo, [], title="A", index_facts={})
