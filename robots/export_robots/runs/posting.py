"""The last step outside: the named file is handed to the portal, once, and counts only when the portal confirms it."""

import asyncio

from export_robots.evidence import EvidenceFolder
from export_robots.outcomes import UploadFailed
from export_robots.portal import UploadNotStarted, UploadUnconfirmed
from export_robots.portal import upload as upload_to_portal
from export_robots.runs.finishing import named_file
from export_robots.runs.workplace import current

_INTERRUPTED = "the run was interrupted while it posted the file, which the portal may have or not"


async def upload(delivery: str, run: str) -> None:
    """Post the file unless it was confirmed. One that may have been posted before is not posted again by itself."""
    work = current()
    row = work.ledger.delivery(delivery)
    file = work.ledger.file(delivery)
    assert file
    earlier = work.ledger.last_upload(delivery)
    if earlier and earlier.answer == "confirmed" and earlier.sha256 == file.sha256:
        return
    if earlier and earlier.answer == "intended":
        work.ledger.answer_upload(earlier.id, "unconfirmed", _INTERRUPTED)
        raise UploadUnconfirmed(_INTERRUPTED)
    if earlier and earlier.answer in ("unconfirmed", "refused"):
        raise UploadFailed(earlier.text or _INTERRUPTED)
    path = await asyncio.to_thread(named_file, work, delivery)
    mailbox = work.settings.mailbox
    posted: list[int] = []

    async def before_post() -> None:
        await work.require_ours(row)
        posted.append(await asyncio.to_thread(work.ledger.intend_upload, delivery, file))

    try:
        async with work.browser() as browser:
            answer = await upload_to_portal(
                browser,
                work.settings.portal,
                path,
                dealership=work.dealership_of(row),
                evidence=EvidenceFolder(work.evidence_folder(run), work.secrets.all),
                progress=work.progress,
                before_post=before_post,
                # Whoever asks is answered where the reports arrive.
                email=mailbox.username if mailbox and "@" in mailbox.username else None,
            )
    except UploadNotStarted:
        if posted:  # announced, and then the page's own form held it back: nothing has left
            work.ledger.settle_upload(delivery)
        raise
    except UploadUnconfirmed as error:
        if posted:
            work.ledger.answer_upload(posted[-1], "unconfirmed", error.saw)
        raise
    except UploadFailed as error:
        if posted:
            work.ledger.answer_upload(posted[-1], "refused", error.saw)
        raise
    work.ledger.answer_upload(posted[-1], "confirmed", answer.text, answer.reference)
