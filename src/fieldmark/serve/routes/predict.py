"""``POST /v1/predict``: identify photos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, File, Query, UploadFile
from fastapi.responses import JSONResponse

from fieldmark.errors import PhotoError
from fieldmark.recognizer.answer import Answer
from fieldmark.recognizer.side_by_side import answer_for, answer_together
from fieldmark.serve.routes.shared import ERRORS, Serving
from fieldmark.serve.schemas import PredictBody
from fieldmark.serve.service import PhotoReading
from fieldmark.serve.uploads import Upload, read_uploads
from fieldmark.uncertainty.guarantees import AnswerOptions

__all__ = ["router"]

router = APIRouter()


@router.post("/v1/predict", response_model=PredictBody, responses=ERRORS, tags=["photos"])
async def predict(
    service: Serving,
    photo: Annotated[list[UploadFile], File(description="One photo, or several fields of this name.")],
    top_k: Annotated[int, Query(ge=1, description="Maximum number of candidates in an answer.")] = 5,
    coverage: Annotated[float | None, Query(description="Target coverage of the prediction sets.")] = None,
    target_accuracy: Annotated[float | None, Query(description="Target accuracy of the answers.")] = None,
    confidence: Annotated[float | None, Query(include_in_schema=False)] = None,
    same_specimen: Annotated[bool, Query(description="All photos show one specimen: return one answer.")] = False,
) -> JSONResponse:
    """Return one answer for each photo in order, in the form of ``fieldmark predict --json``.

    The answer for a photo that cannot be read has `error`. If no photo can be read, the status is 422, or 413 if they
    all have too many pixels.
    """
    target = confidence if target_accuracy is None else target_accuracy  # `confidence` is its old name
    wanted = AnswerOptions(top_k, coverage, target)
    service.recognizer.guarantees.check(wanted)
    uploads = await read_uploads(photo, service.settings)
    whole = [upload for upload in uploads if upload.flaw is None]
    found = await service.readings([upload.content for upload in whole])
    readings = dict(zip(map(id, whole), found, strict=True))
    pairs = [(upload, readings.get(id(upload))) for upload in uploads]
    if same_specimen:
        answers = [_specimen(pairs, wanted)]
    else:
        answers = [_answer(upload, reading, wanted) for upload, reading in pairs]
    failed = [answer.error for answer in answers if answer.error is not None]
    body: dict[str, object] = {"answers": [answer.to_dict() for answer in answers]}
    if failed and len(failed) == len(answers):
        too_large = all(upload.flaw is not None and upload.flaw.status == 413 for upload in uploads)
        return JSONResponse({"error": failed[0], **body}, 413 if too_large else 422)
    return JSONResponse(body)


def _answer(upload: Upload, found: PhotoReading | PhotoError | None, wanted: AnswerOptions) -> Answer:
    if not isinstance(found, PhotoReading):
        return Answer(upload.name, error=_reason(upload, found))
    return answer_for(found.recognizer.asked, upload.name, found.judgements, wanted, found.box)


def _specimen(pairs: Sequence[tuple[Upload, PhotoReading | PhotoError | None]], wanted: AnswerOptions) -> Answer:
    good = [(upload, found) for upload, found in pairs if isinstance(found, PhotoReading)]
    last = good[-1][1].recognizer if good else None
    good = [(upload, found) for upload, found in good if found.recognizer is last]
    if last is None:
        upload, reason = pairs[0]
        return Answer(None, error=_reason(upload, reason if isinstance(reason, PhotoError) else None))
    names = [upload.name for upload, _ in good]
    return answer_together(last.asked, names, None, [found.judgements for _, found in good], wanted)


def _reason(upload: Upload, found: PhotoError | None) -> str:
    return upload.flaw.sentence if upload.flaw else str(found).replace("the photo", upload.name, 1)
