"""Categories on the command line: of an index, of a query, of an evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kpsearch.cli import main
from tests.classifiers import COLOURS, save_picture, tinted, write_classifier


def run(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


def done(*args: object) -> str:
    result = run(*args)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """Pictures in a folder a colour, the categories of two of them, a classifier, an index."""
    shop = tmp_path_factory.mktemp("shop")
    for place, colour in enumerate(COLOURS):
        for number in range(3):
            pixels = tinted(10 * place + number, colour)
            save_picture(shop / "pictures" / colour / f"{number}.png", pixels)
    write_classifier(shop / "MODEL.onnx")
    lines = ["path,kind,category", "pictures/Red/0.png,Tea,", "pictures/Red/1.png,Tea/Green,"]
    (shop / "shop.csv").write_text("\n".join([*lines, "gone.png,Tea,"]))
    said = run(
        *("index", shop / "pictures", "-i", shop / "index", "--categories", shop / "MODEL.onnx"),
        *("--category-csv", shop / "shop.csv", "--category-column", "kind"),
    )
    assert said.exit_code == 0
    assert "shop.csv: 1 categories are of no picture indexed now" in said.stderr
    return shop


def test_info_counts_categories_and_names_the_classifier(shop):
    facts = json.loads(done("info", shop / "index", "--json"))
    assert facts["categories"] == {"names": 5, "own": 2, "predicted": 7, "none": 0}
    assert facts["classifier"]["model"] == str(shop / "MODEL.onnx")
    assert facts["classifier"]["alpha"] == 0.01
    assert (facts["format_version"], facts["sketches"]) == (6, True)
    assert "category_list" not in facts
    text = done("info", shop / "index", "--categories")
    assert "names 5, own 2, predicted 7, none 0" in text
    assert "Tea/Green       1          0" in text


def test_a_query_says_in_one_line_what_it_searched(shop):
    ask = ("query", "-i", shop / "index", shop / "pictures/Green/1.png")
    assert "searched in" not in done(*ask)
    assert "searched in" not in done(*ask, "--category", "off")
    text = done(*ask, "--category", "auto", "--alpha", "0.05", "--explain")
    # Two images have categories that the classifier does not tell: they stay.
    assert "\nsearched in Green (alpha 0.05): 5 of 9 images; the whole index was searched" in text
    assert "\ncategorise " in text
    named = done(*ask, "--category", "Green")
    assert "\nsearched in Green: 3 of 9 images\n" in named
    assert "Red" not in named


def test_json_has_all_about_the_category(shop):
    ask = ("query", "-i", shop / "index", shop / "pictures/Green/1.png", "--json")
    assert "category" not in json.loads(done(*ask))
    answer = json.loads(done(*ask, "--category", "Tea"))
    assert answer["category"] == {
        "asked": "Tea",
        "categories": ["Tea"],
        "images": 2,
        "total": 9,
        "whole": False,
        "reason": "",
        "alpha": None,
    }
    assert {hit["category"] for hit in answer["hits"]} <= {"Tea", "Tea/Green"}
    auto = json.loads(done(*ask, "--category", "auto", "--category-model", shop / "MODEL.onnx"))
    assert auto["category"]["asked"] == "auto"
    assert auto["category"]["categories"] == ["Green"]
    assert list(auto["timings_ms"]).index("categorise") == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--alpha", "0.1"], "--alpha and --category-model are of a classifier: --category auto"),
        (["--category", "Tea", "--category-model", "m.onnx"], "are of a classifier"),
        (["--category", "auto", "--alpha", "2"], "an error rate is between 0 and 1, not 2"),
        (["--category", "auto", "--alpha", "0.002"], "at least 0.00333"),
        (["--category", "auto", "--no-verify"], "only where verified hits prove it right"),
        (["--category", "tee"], "no image has the category 'tee'; near it: Tea"),
        (["--category", ""], "a category is named, or left to a classifier"),
    ],
)
def test_what_cannot_be_meant_is_told(shop, options, said):
    result = run("query", "-i", shop / "index", shop / "pictures/Green/1.png", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--category-alpha", "0.1"], "an error rate is that of a classifier: --categories"),
        (["--category-column", "kind"], "a column is one of a file: --category-csv FILE.csv"),
    ],
)
def test_options_of_an_index_without_effect_are_refused(shop, tmp_path, options, said):
    result = run("index", shop / "pictures", "-i", tmp_path / "index", *options)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_column_that_is_not_there_is_named(shop, tmp_path):
    csv = ("--category-csv", shop / "shop.csv", "--category-column", "type")
    result = run("index", shop / "pictures", "-i", tmp_path / "index", *csv)
    assert result.exit_code == 1
    assert "shop.csv:1: no column type; the header has path, kind, category" in result.stderr


def test_an_evaluation_can_be_of_categories(shop, tmp_path):
    rows = ["path,instance,category,role"]
    for colour in COLOURS:
        for number in range(3):
            path = shop / "pictures" / colour / f"{number}.png"
            rows.append(f"{path},{colour}{number},{colour},reference")
        query = save_picture(tmp_path / f"{colour}.png", tinted(10 * len(rows) // 4, colour))
        rows.append(f"{query},{colour}0,{colour},query")
    truth = tmp_path / "truth.csv"
    truth.write_text("\n".join(rows))
    model = ("--category-model", shop / "MODEL.onnx")
    text = done("evaluate", truth, "-j", "1", "--category", "auto", *model)
    assert "categorise" in text
    done("evaluate", truth, "-j", "1", "--category", "auto", *model, "--json", tmp_path / "m.json")
    options = json.loads((tmp_path / "m.json").read_text())["options"]["search"]["category"]
    assert (options["name"], options["alpha"]) == (None, 0.01)


def test_an_evaluation_that_cannot_be_is_stopped_before_it_indexes(catalogue, shop, tmp_path):
    ask = ("evaluate", catalogue / "manifest.csv", "--category", "auto")
    assert "a new index remembers no classifier" in run(*ask).stderr
    index = tmp_path / "index"
    for model, said in ((tmp_path / "no.onnx", "no.onnx: cannot be read"), (shop / "shop.csv", "")):
        result = run(*ask, "--index", index, "--category-model", model)
        assert result.exit_code == 1
        assert said in result.stderr
    assert not index.exists()
