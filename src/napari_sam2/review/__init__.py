"""Review of many cases: the list, what a reader found, and a summary of it."""

from __future__ import annotations

from napari_sam2.review.case_list import ReviewList
from napari_sam2.review.cases import ReviewCase, read_cases
from napari_sam2.review.findings import CaseFindings, ObjectFinding, findings_of
from napari_sam2.review.progress import Verdict

__all__ = ["CaseFindings", "ObjectFinding", "ReviewCase", "ReviewList", "Verdict", "findings_of", "read_cases"]
