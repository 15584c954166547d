"""What the assumed traits of the personas are worth."""

from __future__ import annotations

from core.report.document import Document, Paragraph, Table
from core.services.evaluation.sensitivity import SensitivityResult
from core.study import Study


def sensitivity_document(result: SensitivityResult, study: Study) -> Document:
    """The twin under other assumptions beside itself."""
    return Document(
        f"What are the assumed traits of the personas worth to the forecast of {study.place}?",
        (
            Paragraph(
                f"The twin's macro RMSE is {result.macro_rmse:.3f}. With other assumptions on the personas' traits:"
            ),
            Table(
                ("Variant", "RMSE", "Change"),
                tuple((item.variant, item.macro_rmse, item.change) for item in result.variants),
                "Mean over the behaviours of the error on held-out days, in points; a change of more than 0 is worse.",
                digits=3,
            ),
        ),
        study.fictional,
        run_id=result.run_id,
    )
