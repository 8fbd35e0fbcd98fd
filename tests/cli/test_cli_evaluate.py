"""``kpsearch evaluate`` on data sets in their own layouts, made here of seeded textures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from kpsearch.cli import main
from kpsearch.errors import ImageRejected
from kpsearch.evaluation import evaluate, layout_of, read_run
from kpsearch.search import Region
from kpsearch.search.region import clipped
from kpsearch.types import FileFacts, Image, ImageSize
from tests.textures import encode, textured

SCENES = 5
SMALL = Image(
    "/a.png", np.zeros((30, 20), np.uint8), ImageSize(20, 30), FileFacts(1, 1, b""), "PNG"
)


def kpsearch(*arguments: object, exit_code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == exit_code, result.stderr
    return result.stdout if exit_code == 0 else result.stderr


def views(seed: int):
    """One scene as seen four times: whole, brighter, from a step to the right, turned."""
    whole = textured(seed, 260, 200)
    return [whole, cv2.add(whole, 20), whole[:, 40:], cv2.rotate(whole, cv2.ROTATE_90_CLOCKWISE)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Pictures s0v0.png ... of five scenes, four views each."""
    folder = tmp_path_factory.mktemp("pictures")
    for scene in range(SCENES):
        for i, pixels in enumerate(views(scene)):
            data = cv2.imencode(".png", pixels)[1].tobytes()
            (folder / f"s{scene}v{i}.png").write_bytes(data)
    return folder


@pytest.fixture
def dataset(pictures, tmp_path):
    """A folder with links to the pictures, under other names where given."""

    def make(names=None) -> Path:
        for picture in pictures.iterdir():
            name = names(picture.stem) if names else picture.stem
            target = tmp_path / "data" / f"{name}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(picture)
        return tmp_path / "data"

    return make


def table(text: str) -> list[list[str]]:
    """The cells of the rows of a printed table, header first, rule left out."""
    lines = text.split("\n\n")[0].splitlines()
    return [line.split() for i, line in enumerate(lines) if i != 1]


@pytest.fixture
def oxford(dataset) -> Path:
    """Scene 0 asked for by a rectangle that reaches beyond its first view; the second is junk."""
    folder = dataset()
    (folder / "scene_1_query.txt").write_text("oxc1_s0v0 -10.0 20.0 250.0 300.0\n")
    (folder / "scene_1_good.txt").write_text("s0v0\ns0v2\n")
    (folder / "scene_1_ok.txt").write_text("s0v3\n")
    (folder / "scene_1_junk.txt").write_text("s0v1\n")
    return folder


def test_oxford_is_asked_by_rectangle_with_the_query_in_its_gallery(oxford, tmp_path):
    out = tmp_path / "result.json"
    outputs = ["--json", out, "--run", tmp_path / "run.txt"]
    text = kpsearch("evaluate", oxford, "--layout", "oxford5k", "-j", "1", *outputs)
    assert table(text) == [
        ["source", "queries", "mAP", "no", "match"],
        ["Oxford5k", "1", "1.000", "0"],
    ]
    result = json.loads(out.read_text())
    assert (result["protocol"], result["options"]["ap"]) == ("oxford", "trapezoid")
    assert result["measures"][0]["values"] == {"mAP": 1.0}
    assert result["sources"]["Oxford5k"]["micro_ap"] == 1.0
    ((query, hits),) = read_run(str(tmp_path / "run.txt")).items()
    assert query.endswith("/s0v0.png#xywh=-10,20,260,280")
    first = [Path(path).stem for path, _ in hits[:4]]
    assert first[0] == "s0v0"
    assert set(first) == {"s0v0", "s0v1", "s0v2", "s0v3"}


def test_the_revisited_setups_are_scored_from_one_run(dataset, tmp_path):
    folder = dataset()
    gallery = [f"s{scene}v{i}" for scene in range(SCENES) for i in range(1, 4)]
    numbers = {name: number for number, name in enumerate(gallery)}
    labels = [
        {
            "bbx": [5, 5, 255, 195],
            "easy": [numbers[f"s{scene}v1"]] if scene else [],
            "hard": [numbers[f"s{scene}v3"]],
            "junk": [numbers[f"s{scene}v2"]],
        }
        for scene in range(2)
    ]
    truth = {"imlist": gallery, "qimlist": ["s0v0", "s1v0"], "gnd": labels}
    (folder / "gnd_roxford5k.json").write_text(json.dumps(truth))
    out = tmp_path / "result.json"
    options = ["--protocol", "revisited-all", "--json", out]
    text = kpsearch("evaluate", folder, "--layout", "roxford5k", "-j", "1", *options)
    assert table(text) == [
        ["source", "setup", "queries", "mAP", "mP@1", "mP@5", "mP@10", "no", "match"],
        ["roxford5k", "easy", "2", *["1.000"] * 4, "0"],
        ["roxford5k", "medium", "2", *["1.000"] * 4, "0"],
        ["roxford5k", "hard", "2", *["1.000"] * 4, "0"],
    ]
    unanswerable = [m["without_answer"] for m in json.loads(out.read_text())["measures"]]
    assert unanswerable == [1, 0, 0]


def test_ukbench_prints_its_score_of_four(dataset):
    def number(stem: str) -> str:
        return f"ukbench{4 * int(stem[1]) + int(stem[3]):05d}"

    text = kpsearch("evaluate", dataset(number), "--layout", "ukbench", "-j", "1")
    assert table(text)[1] == ["UKBench", "20", "4.000", "1.000", "0"]


def test_copydays_has_a_row_for_each_block_and_one_for_all(dataset):
    blocks = ["original", "strong", "jpegqual/3", "crops/10"]

    def place(stem: str) -> str:
        return f"{blocks[int(stem[3])]}/20{stem[1]:0>2}00"

    rows = table(kpsearch("evaluate", dataset(place), "--layout", "copydays", "-j", "1"))
    assert rows == [
        ["source", "queries", "mAP", "no", "match"],
        ["crops/10", "5", "1.000", "0"],
        ["jpegqual/3", "5", "1.000", "0"],
        ["strong", "5", "1.000", "0"],
        ["(all)", "15", "1.000", "0"],
    ]


def test_disc21_looks_at_ten_hits_and_counts_answers_to_queries_of_nothing(dataset, tmp_path):
    def name(stem: str) -> str:
        query = int(stem[3]) == 1
        return f"Q0000{stem[1]}" if query else f"R0000{stem[3]}{stem[1]}"

    folder = dataset(name)
    for i in (0, 2, 3):
        (folder / f"R0000{i}4.png").unlink()
    pairs = [f"Q0000{scene},R0000{i}{scene}" for scene in range(4) for i in (0, 2, 3)]
    (folder / "dev_ground_truth.csv").write_text("\n".join(["query_id,reference_id", *pairs]))
    result = evaluate(
        layout_of("disc21").read(str(folder)),
        tmp_path / "index",
        protocol=layout_of("disc21").protocol(),
    )
    (measures,) = result.measures
    assert (measures.queries, measures.without_answer) == (5, 1)
    assert measures.values["recall@1"] == measures.values["recall@10"] == 1
    assert measures.values["micro-AP"] == pytest.approx(1, abs=0.05)
    assert all(len(ranking.hits) <= 10 for ranking in result.rankings)


def test_a_region_outside_its_picture_is_a_reject_and_a_query_not_found(oxford, tmp_path):
    (oxford / "scene_1_query.txt").write_text("oxc1_s0v0 500 500 600 600\n")
    truth = layout_of("oxford5k").read(str(oxford))
    result = evaluate(truth, tmp_path / "index", protocol=layout_of("oxford5k").protocol())
    (reject,) = result.rejected
    assert reject.code == "region_outside"
    assert result.measures[0].values == {"mAP": 0.0}


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10)),
        ((-5, -5, 10, 10), (0, 0, 5, 5)),
        ((15, 25, 10, 10), (15, 25, 5, 5)),
        ((-9, -9, 99, 99), (0, 0, 20, 30)),
    ],
)
def test_a_region_is_clipped_to_its_picture(region, expected):
    assert clipped(Region(*region), SMALL) == Region(*expected)


@pytest.mark.parametrize("region", [(20, 30, 10, 10), (-9, -9, 5, 5), (3, 3, 0, 5)])
def test_a_region_with_nothing_of_its_picture_in_it_is_a_reject(region):
    with pytest.raises(ImageRejected, match="region_outside"):
        clipped(Region(*region), SMALL)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--layout", "oxford"], "unknown layout 'oxford'; known: copydays"),
        (["--layout", "ukbench", "--protocol", "sop"], "no protocol 'sop'; known: ukbench"),
        (["--layout", "ukbench"], "not a folder"),
    ],
)
def test_a_layout_or_protocol_that_does_not_fit_is_a_usage_error(tmp_path, options, words):
    message = kpsearch("evaluate", tmp_path / "missing", *options, exit_code=2)
    assert words in message


def test_rows_that_play_no_part_are_counted_by_role(tmp_path):
    pictures = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(pictures):
        path.write_bytes(encode(textured(number)))
    rows = "path,instance,role\n0.png,a,reference\n1.png,b,ref\n0.png,a,query\n2.png,c,ref\n"
    (tmp_path / "truth.csv").write_text(rows)
    result = CliRunner().invoke(main, ["evaluate", str(tmp_path / "truth.csv"), "-j", "1"])
    assert result.exit_code == 0
    assert "rows that play no part: 2 of role 'ref'" in result.stderr
    assert "ref" not in result.stdout


def test_an_evaluation_without_a_readable_query_says_so(pictures, tmp_path):
    truth = tmp_path / "truth.csv"
    rows = [f"{pictures}/s{scene}v0.png,{scene},reference\n" for scene in range(SCENES)]
    truth.write_text("path,instance,role\n" + "".join(rows) + "none.png,1,query\n")
    text = kpsearch("evaluate", truth, "-j", "1")
    assert "no query could be read\n" in text
    assert "median" not in text


def test_a_manifest_can_be_scored_as_in_metric_learning(pictures, tmp_path):
    truth = tmp_path / "truth.csv"
    rows = [f"{picture},{picture.name[1]},both\n" for picture in sorted(pictures.iterdir())]
    truth.write_text("path,instance,role\n" + "".join(rows))
    text = kpsearch("evaluate", truth, "-j", "1", "--protocol", "metric-learning")
    header, row = table(text)
    assert header[2:] == ["recall@1", "R-precision", "MAP@R", "no", "match"]
    assert float(row[3]) == 1.0
