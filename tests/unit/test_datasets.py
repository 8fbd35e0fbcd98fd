"""The layouts of public data sets, as small folders of empty files with their names."""

import json
import re
from pathlib import Path

import pytest

from kpsearch.cli import main
from kpsearch.errors import UnknownName, UnusableFile, UsageError
from kpsearch.evaluation import LAYOUTS, PROTOCOLS, Truth, layout_of
from kpsearch.evaluation.protocols import EASY, HARD, MEDIUM
from kpsearch.search import Region


@pytest.fixture
def unpack(tmp_path):
    """Writes files by name and content; a picture has none."""

    def write(*pictures, **files):
        for name in pictures:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def read(layout, folder) -> Truth:
    return layout_of(layout).read(str(folder))


def names(paths):
    return sorted(path.rpartition("/")[2] for path in paths)


def found(truth, query):
    """Names of the relevant and of the overlooked pictures of the query whose picture is so."""
    (row,) = (row for row in truth.queries() if row.path.endswith(f"/{query}"))
    return names(truth.relevant(row)), names(truth.ignored(row))


@pytest.mark.parametrize("name", LAYOUTS.names())
def test_every_layout_has_a_usual_protocol_and_knows_only_registered_ones(name):
    layout = layout_of(name)
    assert layout.name == name
    assert layout.protocol() == PROTOCOLS.resolve(layout.protocols[0])
    assert [layout.protocol(each).name for each in layout.protocols] == list(layout.protocols)


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_every_protocol_bears_its_name_and_serves_a_layout(name):
    assert PROTOCOLS.resolve(name).name == name
    assert any(name in layout_of(layout).protocols for layout in LAYOUTS.names())


def test_the_documentation_names_every_layout_and_protocol():
    text = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall("`([^`]+)`", row.split("|")[1])}
    assert named == {*LAYOUTS.names(), *PROTOCOLS.names()}


def test_the_help_names_every_layout(capsys):
    main(["evaluate", "--help"], standalone_mode=False)
    words = set(re.findall(r"\w+", capsys.readouterr().out))
    assert words >= set(LAYOUTS.names())


def test_an_unknown_layout_or_protocol_is_refused_with_the_known_ones():
    with pytest.raises(UnknownName, match="unknown layout 'oxford'; known: copydays, disc21"):
        layout_of("oxford")
    with pytest.raises(UnknownName, match="no protocol 'oxford'; known: ukbench, manifest"):
        layout_of("ukbench").protocol("oxford")


@pytest.mark.parametrize("name", [name for name in LAYOUTS.names() if name != "manifest"])
def test_a_folder_that_is_none_or_holds_nothing_is_refused_by_name(name, tmp_path):
    with pytest.raises(UnusableFile, match=str(tmp_path)):
        read(name, tmp_path)
    with pytest.raises((UnusableFile, UsageError), match=str(tmp_path / "missing")):
        read(name, tmp_path / "missing")


def test_ukbench_has_groups_of_four_each_its_own_gallery(unpack):
    folder = unpack(*(f"full/ukbench{i:05d}.jpg" for i in range(8)), "full/other.jpg")
    truth = read("ukbench", folder)
    assert len(truth.references()) == len(truth.queries()) == 8
    relevant, ignored = found(truth, "ukbench00005.jpg")
    assert relevant == [f"ukbench{i:05d}.jpg" for i in (4, 6, 7)]
    assert ignored == []
    assert all(truth.in_group_of_four(row) for row in truth.queries())
    assert not truth.query_in_gallery


def test_holidays_asks_with_the_first_photo_of_a_scene_and_leaves_it_out(unpack):
    photos = ["100000", "100001", "100002", "100100", "100101"]
    truth = read("holidays", unpack(*(f"jpg/{photo}.jpg" for photo in photos)))
    assert names(row.path for row in truth.queries()) == ["100000.jpg", "100100.jpg"]
    assert len(truth.references()) == 5
    assert found(truth, "100000.jpg") == (["100001.jpg", "100002.jpg"], [])
    assert truth.left_out(truth.queries()[0]) == {truth.queries()[0].path}


def test_copydays_asks_with_every_block_but_the_originals(unpack):
    folder = unpack(
        "original/200000.jpg",
        "original/200100.jpg",
        "strong/200001.jpg",
        "strong/200102.jpg",
        "jpegqual/3/200000.jpg",
        "jpegqual/15/200000.jpg",
        "crops/10/200100.jpg",
        "elsewhere/200000.jpg",
    )
    truth = read("copydays", folder)
    assert names(row.path for row in truth.references()) == ["200000.jpg", "200100.jpg"]
    blocks = ["crops/10", "jpegqual/3", "jpegqual/15", "strong", "strong"]
    assert [row.source for row in truth.queries()] == blocks
    originals = [names(truth.relevant(row)) for row in truth.queries()]
    assert originals == [[f"{name}.jpg"] for name in (200100, 200000, 200000, 200000, 200100)]


@pytest.fixture
def oxford(unpack):
    images = ["all_souls_000013", "all_souls_000026", "all_souls_000051", "oxford_000002"]
    return unpack(
        *(f"{image}.jpg" for image in images),
        **{
            "all_souls_1_query.txt": "oxc1_all_souls_000013 136.5 34.1 648.5 955.7\n",
            "all_souls_1_good.txt": "all_souls_000013\nall_souls_000026\n",
            "all_souls_1_ok.txt": "",
            "all_souls_1_junk.txt": "all_souls_000051\n",
        },
    )


@pytest.mark.parametrize("layout", ["oxford5k", "paris6k"])
def test_oxford_asks_with_a_rectangle_of_an_image_that_stays_in_the_gallery(oxford, layout):
    truth = read(layout, oxford)
    (query,) = truth.queries()
    assert query.region == Region(136, 34, 512, 922)
    assert query.query_id.endswith("/all_souls_000013.jpg#xywh=136,34,512,922")
    assert truth.left_out(query) == frozenset()
    expected = ["all_souls_000013.jpg", "all_souls_000026.jpg"], ["all_souls_000051.jpg"]
    assert found(truth, "all_souls_000013.jpg") == expected
    assert len(truth.references()) == 4


def test_two_queries_of_one_image_are_kept_apart(oxford):
    (oxford / "all_souls_2_query.txt").write_text("oxc1_all_souls_000013 0 0 10 10\n")
    for label in ("good", "ok", "junk"):
        (oxford / f"all_souls_2_{label}.txt").write_text("oxford_000002\n" * (label == "ok"))
    truth = read("oxford5k", oxford)
    assert [names(truth.relevant(row))[-1] for row in truth.queries()] == [
        "all_souls_000026.jpg",
        "oxford_000002.jpg",
    ]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("all_souls_1_query.txt", "oxc1_all_souls_000013 1 2 3\n", "expected a name and a rect"),
        ("all_souls_1_query.txt", "oxc1_all_souls_000013 1 2 nan 4\n", "expected a name and"),
        ("all_souls_1_query.txt", "oxc1_all_souls_000013 9 2 3 4\n", "expected a name and a rect"),
        ("all_souls_1_query.txt", "oxc1_nowhere 1 2 3 4\n", "1 of the 1 pictures"),
        ("all_souls_1_ok.txt", "a\nb\nc\nd\n", r"4 of the 4 .* \(a, b, c, \.\.\.\)"),
    ],
)
def test_an_oxford_file_that_is_wrong_is_named(oxford, name, text, words):
    (oxford / name).write_text(text)
    with pytest.raises(UnusableFile, match=f"{name}: .*{words}"):
        read("oxford5k", oxford)


def test_a_list_that_is_missing_is_named(oxford):
    (oxford / "all_souls_1_ok.txt").unlink()
    with pytest.raises(UnusableFile, match=r"all_souls_1_ok\.txt: cannot be read"):
        read("oxford5k", oxford)


REVISITED = {
    "imlist": ["a", "b", "c", "d"],
    "qimlist": ["q", "r"],
    "gnd": [
        {"bbx": [1.4, 2.0, 9.6, 8.0], "easy": [0], "hard": [1, 2], "junk": [3]},
        {"bbx": [0, 0, 5, 5], "easy": [], "hard": [3], "junk": []},
    ],
}


@pytest.fixture
def revisited(unpack):
    images = [f"jpg/{name}.jpg" for name in "abcdqr"]
    return unpack(*images, **{"gnd_roxford5k.json": json.dumps(REVISITED)})


@pytest.mark.parametrize(
    ("setup", "relevant", "ignored"),
    [(EASY, "a", "bcd"), (MEDIUM, "abc", "d"), (HARD, "bc", "ad")],
    ids=["easy", "medium", "hard"],
)
def test_the_revisited_setups_read_the_same_labels(revisited, setup, relevant, ignored):
    truth = read("roxford5k", revisited).under(setup)
    expected = [f"{name}.jpg" for name in relevant], [f"{name}.jpg" for name in ignored]
    assert found(truth, "q.jpg") == expected
    assert truth.queries()[0].region == Region(1, 2, 9, 6)
    assert names(row.path for row in truth.references()) == [f"{name}.jpg" for name in "abcd"]


def test_a_revisited_query_without_positives_in_a_setup_has_nothing_relevant(revisited):
    truth = read("roxford5k", revisited).under(EASY)
    assert found(truth, "r.jpg") == ([], ["d.jpg"])


@pytest.mark.parametrize(
    "change",
    [
        {"imlist": ["a", "b", "c"]},
        {"imlist": ["a", "b", "c", "missing"]},
        {"qimlist": ["q"]},
        {"gnd": [{"bbx": [1, 2, 3], "easy": [], "hard": [], "junk": []}] * 2},
        {"gnd": [{"bbx": [1, 2, 3, 4], "easy": [-1], "hard": [], "junk": []}] * 2},
        {"gnd": [{"bbx": [1, 2, 3, 4], "easy": [1.0], "hard": [], "junk": []}] * 2},
        {"gnd": [{"bbx": [1, 2, 3, 4], "easy": []}] * 2},
        {"gnd": 5},
    ],
)
def test_revisited_labels_that_do_not_fit_are_refused_with_the_file(revisited, change):
    (revisited / "gnd_roxford5k.json").write_text(json.dumps(REVISITED | change))
    with pytest.raises(UnusableFile, match=r"gnd_roxford5k\.json: "):
        read("roxford5k", revisited)


def test_revisited_labels_that_are_no_json_are_refused(revisited):
    (revisited / "gnd_roxford5k.json").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(UnusableFile, match=r"not what tools/convert_revisitop\.py writes"):
        read("roxford5k", revisited)


def test_disc21_has_queries_of_nothing_that_is_there(unpack):
    folder = unpack(
        *("references/R000001.jpg", "references/R000002.jpg", "distractors/R000003.jpg"),
        *("queries/Q00001.jpg", "queries/Q00002.jpg", "queries/Q00003.jpg", "train/T000001.jpg"),
        **{
            "dev_ground_truth.csv": "query_id,reference_id\nQ00001,R000002\nQ00003,\n",
        },
    )
    truth = read("disc21", folder)
    assert found(truth, "Q00001.jpg") == (["R000002.jpg"], [])
    assert found(truth, "Q00002.jpg") == found(truth, "Q00003.jpg") == ([], [])
    assert len(truth.references()) == len(truth.queries()) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Q00001,R000009\n", "R000009"),
        ("Q00009,R000001\n", "Q00009"),
        ("Q00001 R000001\n", r"csv:1: expected query_id,reference_id"),
    ],
)
def test_a_disc21_truth_that_does_not_fit_is_refused(unpack, text, words):
    folder = unpack("R000001.jpg", "Q00001.jpg", **{"dev_ground_truth.csv": text})
    with pytest.raises(UnusableFile, match=words):
        read("disc21", folder)


def test_two_ground_truths_are_not_chosen_between(unpack):
    csv = {"dev_ground_truth.csv": "", "final_ground_truth.csv": ""}
    with pytest.raises(UnusableFile, match=r"dev_ground_truth\.csv, final_ground_truth\.csv"):
        read("disc21", unpack("Q00001.jpg", **csv))


def test_sop_lists_its_pictures_products_and_kinds(unpack):
    lines = [
        "image_id class_id super_class_id path",
        "1 11319 1 bicycle_final/1_0.JPG",
        "2 11319 1 bicycle_final/1_1.JPG",
        "3 11320 2 coffee_maker_final/2_0.JPG",
    ]
    truth = read("sop", unpack(**{"Ebay_test.txt": "\n".join(lines)}))
    assert found(truth, "1_0.JPG") == (["1_1.JPG"], [])
    assert [row.category for row in truth.rows] == ["bicycle", "bicycle", "coffee_maker"]
    assert all(row.is_query and row.is_reference for row in truth.rows)


@pytest.mark.parametrize(("text", "line"), [("path\n", 1), ("", 1), ("{}\n\n1 2 3\n", 3)])
def test_a_sop_listing_that_is_wrong_is_refused_with_its_line(unpack, text, line):
    text = text.format("image_id class_id super_class_id path")
    with pytest.raises(UnusableFile, match=rf"Ebay_test\.txt:{line}: "):
        read("sop", unpack(**{"Ebay_test.txt": text}))


def test_gldv2_has_public_and_private_queries_and_passes_over_the_ignored(unpack):
    first, second, third = "0123456789abcdef", "1123456789abcdef", "2123456789abcdef"
    folder = unpack(
        *(f"index/{i[0]}/{i[1]}/{i[2]}/{i}.jpg" for i in (first, second, third)),
        *(f"test/{i[0]}/{i[1]}/{i[2]}/{i}.jpg" for i in (first, second, third)),
        **{
            "retrieval_solution_v2.1.csv": "id,images,Usage\n"
            f"{first},{second} {third},Private\n{second},{first},Public\n{third},None,Ignored\n",
        },
    )
    truth = read("gldv2", folder)
    assert [row.source for row in truth.queries()] == ["Private", "Public"]
    relevant = [names(truth.relevant(row)) for row in truth.queries()]
    assert relevant == [[f"{second}.jpg", f"{third}.jpg"], [f"{first}.jpg"]]
    assert len(truth.references()) == 3


def test_a_gldv2_solution_that_is_wrong_is_refused_with_its_line(unpack):
    solution = {"retrieval_solution_v2.1.csv": "id,images,Usage\na,b,Secret\n"}
    with pytest.raises(UnusableFile, match=r"retrieval_solution_v2\.1\.csv:2: "):
        read("gldv2", unpack("index/b.jpg", "test/a.jpg", **solution))


def test_one_name_twice_is_refused(unpack):
    with pytest.raises(UnusableFile, match="the same name"):
        read("ukbench", unpack("a/ukbench00000.jpg", "b/ukbench00000.jpg"))
