"""Answers made visible: match pictures, and a page that shows a whole run of queries."""

from kpsearch.report.draw import match_picture
from kpsearch.report.files import write_picture
from kpsearch.report.folder import write_match_report
from kpsearch.report.page import write_page
from kpsearch.report.views import AnswerView, HitView, Missing, Picture, Shown

__all__ = [
    "AnswerView",
    "HitView",
    "Missing",
    "Picture",
    "Shown",
    "match_picture",
    "write_match_report",
    "write_page",
    "write_picture",
]
