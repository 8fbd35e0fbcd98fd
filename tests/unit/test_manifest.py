import os
from pathlib import Path

import pytest

from kpsearch.errors import UnusableFile, UsageError
from kpsearch.evaluation import evaluate, read_truth

HEADER = "path,instance,category,role,source\n"


@pytest.fixture
def truth_of(tmp_path):
    def read(text, *, encoding="utf-8"):
        file = tmp_path / "truth.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return read_truth(str(file))

    return read


def error_of(truth_of, text):
    with pytest.raises(UnusableFile) as caught:
        truth_of(text)
    return str(caught.value)


def group(instance, roles):
    return "".join(f"{instance}-{i}.jpg,{instance},,{role},\n" for i, role in enumerate(roles))


def test_rows_are_read_in_the_order_of_the_file(truth_of, tmp_path):
    truth = truth_of(HEADER + "b.jpg,box,food,reference,shop\na.jpg,box,food,query,phone\n")
    reference, query = truth.rows
    assert reference.path == str(tmp_path / "b.jpg")
    assert (reference.instance, reference.category) == ("box", "food")
    assert (reference.role, reference.source) == ("reference", "shop")
    assert truth.references() == (reference,)
    assert truth.queries() == (query,)


def test_columns_may_come_in_any_order_and_category_and_source_be_absent(truth_of):
    (row,) = truth_of("role,path,instance\nboth,a.jpg,box\n").rows
    assert (row.role, row.instance, row.category, row.source) == ("both", "box", "", "")


def test_columns_of_others_are_kept_by_name(truth_of):
    (row,) = truth_of("path,instance,role,camera\na.jpg,box,query, E63\n").rows
    assert row.extra == {"camera": " E63"}
    assert hash(row) == hash(row)


def test_absolute_paths_are_kept_and_relative_ones_start_at_the_folder(truth_of, tmp_path):
    truth = truth_of(HEADER + "/far/a.jpg,x,,both,\nsub/./b.jpg,x,,both,\n../c.jpg,x,,both,\n")
    assert [row.path for row in truth.rows] == [
        "/far/a.jpg",
        str(tmp_path / "sub" / "b.jpg"),
        str(tmp_path.parent / "c.jpg"),
    ]


def test_a_manifest_named_relative_to_the_working_directory_gives_absolute_paths(
    tmp_path, monkeypatch
):
    (tmp_path / "truth.csv").write_text(HEADER + "a.jpg,x,,both,\n")
    monkeypatch.chdir(tmp_path)
    assert read_truth("truth.csv").rows[0].path == str(tmp_path / "a.jpg")


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_byte_order_mark_and_windows_line_ends_change_nothing(truth_of, prefix, newline):
    text = HEADER + "é.jpg,x,,both,shop\n\n,,,,\nb.jpg,x,,both,shop\n"
    truth = truth_of(prefix + text.replace("\n", newline).encode())
    assert [os.path.basename(row.path) for row in truth.rows] == ["é.jpg", "b.jpg"]
    assert {row.source for row in truth.rows} == {"shop"}


def test_quoted_paths_hold_commas_quotes_and_spaces_as_they_are(truth_of):
    (row,) = truth_of(HEADER + '" a, ""b"" .jpg",x,,both,\n').rows
    assert os.path.basename(row.path) == ' a, "b" .jpg'


def test_spaces_around_other_fields_and_the_case_of_roles_do_not_matter(truth_of):
    (row,) = truth_of("path, instance , role\na.jpg, box , Both \n").rows
    assert (row.instance, row.role) == ("box", "both")


def test_other_roles_are_read_and_play_no_part(truth_of):
    truth = truth_of(HEADER + "a.jpg,,,train,\nb.jpg,x,,scene,\nc.jpg,x,,query,\na.jpg,,,pair,\n")
    assert len(truth.rows) == 4
    assert truth.references() == ()
    assert [row.instance for row in truth.queries()] == ["x"]


def test_relevant_are_the_references_of_the_same_instance(truth_of, tmp_path):
    truth = truth_of(
        HEADER + "a.jpg,x,,reference,\nb.jpg,x,,reference,\nc.jpg,y,,reference,\nq.jpg,x,,query,\n"
    )
    (query,) = truth.queries()
    assert truth.relevant(query) == {str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")}


def test_a_query_is_not_relevant_to_itself(truth_of, tmp_path):
    truth = truth_of(HEADER + group("x", ["both", "both", "query"]))
    first, _, last = truth.queries()
    assert truth.relevant(first) == {str(tmp_path / "x-1.jpg")}
    assert truth.relevant(last) == {str(tmp_path / "x-0.jpg"), str(tmp_path / "x-1.jpg")}


def test_a_query_row_that_names_a_reference_again_is_not_relevant_to_itself(truth_of):
    truth = truth_of(HEADER + "a.jpg,x,,reference,\n./a.jpg,x,,query,\n")
    assert truth.relevant(truth.queries()[0]) == frozenset()


def test_a_query_is_left_out_of_its_own_ranking_whatever_its_role(truth_of, tmp_path):
    text = HEADER + "a.jpg,x,,both,\nb.jpg,x,,reference,\nb.jpg,x,,query,\n"
    truth = truth_of(text)
    assert [truth.left_out(row) for row in truth.queries()] == [
        {str(tmp_path / "a.jpg")},
        {str(tmp_path / "b.jpg")},
    ]
    assert all(truth.ignored(row) == frozenset() for row in truth.queries())


def test_a_query_for_something_not_in_the_catalogue_has_nothing_relevant(truth_of):
    truth = truth_of(HEADER + "a.jpg,x,,reference,\nq.jpg,y,,query,\n")
    assert truth.relevant(truth.queries()[0]) == frozenset()


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (["both"] * 4, True),
        ([*["both"] * 4, "train"], True),
        (["both"] * 3, False),
        (["both"] * 5, False),
        ([*["both"] * 4, "query"], False),
        ([*["both"] * 3, "reference"], False),
    ],
)
def test_a_group_of_four_is_four_pictures_that_are_their_own_gallery(truth_of, roles, expected):
    truth = truth_of(HEADER + group("x", roles) + group("y", ["both"]))
    assert truth.in_group_of_four(truth.queries()[0]) is expected


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("path,category\na.jpg,food\n", 1, "no column instance, role; the header has path"),
        ("path;instance;role\n", 1, "separate columns by commas"),
        ("path,instance,role,path\n", 1, "column path appears twice"),
        (HEADER + "a.jpg,,,query,\n", 2, "a query row needs an instance"),
        (HEADER + "a.jpg,x,,both,\nb.jpg, ,,reference,\n", 3, "a reference row needs an instance"),
        (HEADER + "a.jpg,x,,,\n", 2, "the role is empty"),
        (HEADER + ",x,,query,\n", 2, "the path is empty"),
        (HEADER + "a\0.jpg,x,,query,\n", 2, "NUL"),
        (HEADER + "a.jpg,x,,both,\n\nsub/../a.jpg,y,,reference,\n", 4, "reference on line 2"),
        (
            HEADER + "a.jpg,x,,query,\n./a.jpg,y,,query,\n",
            3,
            "a query for 'y', and for 'x' on line 2",
        ),
        (HEADER + "a.jpg,x,,both,\na.jpg,y,,query,\n", 3, "a query for 'y', and for 'x' on line 2"),
        (HEADER + "a.jpg,x,,both\n", 2, "4 fields, but the header names 5 columns"),
        (HEADER + "a.jpg,x,,both,,\n", 2, "6 fields"),
        (HEADER + '"a\nb.jpg",x,,both,\nc.jpg,x,,both\n', 4, "4 fields"),
        (HEADER + 'a.jpg,x,,both,\n"b.jpg,x,,both,\nc.jpg,x,,both,\n', 3, "not valid CSV"),
        (HEADER.encode() + b"a.jpg,x,,both,\nb\xe9.jpg,x,,both,\n", 3, "not UTF-8"),
        (HEADER.encode("utf-16"), 1, "not UTF-8"),
    ],
)
def test_an_error_names_file_and_line(truth_of, text, line, words):
    message = error_of(truth_of, text)
    assert f"truth.csv:{line}: " in message
    assert words in message


def test_a_query_may_be_asked_twice_for_the_same_thing(truth_of):
    truth = truth_of(HEADER + "r.jpg,x,,reference,\n" + "a.jpg,x,,query,\n" * 2)
    assert [len(truth.relevant(row)) for row in truth.queries()] == [1, 1]


@pytest.mark.parametrize("text", [b"", b"\xef\xbb\xbf", b"\r\n\n"])
def test_an_empty_file_is_refused(truth_of, text):
    assert "truth.csv: the file is empty" in error_of(truth_of, text)


def test_a_header_alone_is_refused(truth_of):
    assert "no pictures below the header" in error_of(truth_of, HEADER)


def test_a_manifest_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UnusableFile, match=r"none\.csv: cannot be read"):
        read_truth(str(tmp_path / "none.csv"))


def test_a_folder_is_no_manifest(tmp_path):
    with pytest.raises(UsageError, match=r"a folder, no CSV file; .* name its layout"):
        read_truth(str(tmp_path))


def test_the_development_pictures_have_an_answer_to_every_query_of_a_catalogue():
    file = Path(__file__).parents[3] / "shared" / "data" / "manifest.csv"
    if not file.exists():
        pytest.skip("the development pictures are not here")
    truth = read_truth(str(file))
    fours = [query for query in truth.queries() if truth.in_group_of_four(query)]
    assert {query.source.split()[0] for query in fours} == {"UKBench"}
    assert all(len(truth.relevant(query)) == 3 for query in fours)
    covers = [query for query in truth.queries() if query.source.startswith("SMVS")]
    assert covers
    assert all(len(truth.relevant(query)) == 1 for query in covers)


def test_an_evaluation_without_queries_names_the_file(tmp_path):
    path = tmp_path / "catalogue.csv"
    path.write_text("path,instance,role\na.jpg,a,reference\nb.jpg,b,reference\n")
    with pytest.raises(UnusableFile, match=r"catalogue\.csv: needs .* has 2 of the one and 0 of"):
        evaluate(read_truth(str(path)), tmp_path / "index")
    assert not (tmp_path / "index").exists()
