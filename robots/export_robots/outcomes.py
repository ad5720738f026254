"""How a run can end: one word, one exit code and one remedy for each thing that CRMs, mail and the portal do to robots.

The words and codes are those of `docs/interface.md`; operators' scripts and the database rely on them.

Errors, divided by what happens next:

    RobotError
     ├ UsageWrong          the command line or the configuration is wrong   mend it; nothing was asked of the CRM
     ├ SignInRefused       user name or password rejected                   a person; it is not sent again
     ├ ActionNeeded        the CRM wants a person: expired password, terms  a person
     ├ CodeNeeded          a sign-in code the robot cannot get by itself    a person
     ├ PermissionMissing   the account may not export                       a person asks the CRM's support
     ├ SiteChanged         a control is not there, or does not do its work  mend the robot
     ├ SiteDown            maintenance, 5xx, no answer                      later: may be tried again
     ├ ReportLate          accepted, but the e-mail has not come            later: the mail is looked for first
     ├ ReportRejected      a report came that must not be sent on           a person looks
     ├ UploadFailed        the portal refused it or did not confirm it      a person; never posted again by itself
     │  ├ UploadNotStarted    nothing was posted (portal.py)                later, or a person
     │  └ UploadUnconfirmed   it may have been posted (portal.py)           a person
     ├ AccountBusy         another run holds this CRM account               later
     ├ StepsUnknown        this CRM's export steps are not known yet        record them first
     ├ BrowserCrashed      the browser died in mid-run (site_errors.py)     once more by itself, before the request
     └ RobotDefect         our own mistake                                  report it

Every field is positional and handed to `super().__init__` unchanged, because DBOS stores errors by pickle, which
rebuilds an exception from its `args`; the text is made in `__str__`.
"""

from enum import StrEnum
from typing import ClassVar


class Outcome(StrEnum):
    """The word a run ends with. `exit_code` is what the command returns to the shell."""

    DELIVERED = "delivered"
    VERIFIED_EMPTY = "verified_empty"
    REQUESTED = "requested"
    COLLECTED = "collected"
    SUBSCRIBED = "subscribed"
    CHECKED = "checked"
    WAIVED = "waived"
    INTERNAL = "internal"
    USAGE = "usage"
    SIGN_IN_REFUSED = "sign_in_refused"
    ACTION_NEEDED = "action_needed"
    CODE_NEEDED = "code_needed"
    PERMISSION_MISSING = "permission_missing"
    SITE_CHANGED = "site_changed"
    SITE_DOWN = "site_down"
    REPORT_LATE = "report_late"
    REPORT_REJECTED = "report_rejected"
    UPLOAD_FAILED = "upload_failed"
    BUSY = "busy"
    STEPS_UNKNOWN = "steps_unknown"

    @property
    def exit_code(self) -> int:
        return _EXIT_CODES.get(self, 0)

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0


_EXIT_CODES = {
    Outcome.INTERNAL: 1,
    Outcome.USAGE: 2,
    Outcome.SIGN_IN_REFUSED: 10,
    Outcome.ACTION_NEEDED: 11,
    Outcome.CODE_NEEDED: 12,
    Outcome.PERMISSION_MISSING: 13,
    Outcome.SITE_CHANGED: 14,
    Outcome.SITE_DOWN: 15,
    Outcome.REPORT_LATE: 16,
    Outcome.REPORT_REJECTED: 17,
    Outcome.UPLOAD_FAILED: 18,
    Outcome.BUSY: 19,
    Outcome.STEPS_UNKNOWN: 20,
}


class RobotError(Exception):
    """A run that ended without its file delivered, for a reason with a name.

    Args:
        saw: One sentence without a full stop: what was being done and what was seen. Never a secret or a lead's data.
        hint: What a person should do now. Empty: the class's own `remedy`.
        reasons: All reasons where there are several, each one sentence.
    """

    outcome: ClassVar[Outcome]
    remedy: ClassVar[str]

    def __init__(self, saw: str, hint: str = "", reasons: tuple[str, ...] = ()) -> None:
        super().__init__(saw, hint, reasons)
        self.saw = saw
        self.hint = hint or self.remedy
        self.reasons = reasons
        self.step = ""
        """In which step of the visit it was raised; set there."""

    def __str__(self) -> str:
        return self.saw


class UsageWrong(RobotError):
    outcome = Outcome.USAGE
    remedy = "Run the command with --help to see what it takes."


class SignInRefused(RobotError):
    outcome = Outcome.SIGN_IN_REFUSED
    remedy = (
        "Sign in by hand once to see whether the account still works, then store the right password with "
        "`robot credentials set`; the refused one will not be sent again."
    )


class ActionNeeded(RobotError):
    outcome = Outcome.ACTION_NEEDED
    remedy = "Sign in by hand with this account, do what the CRM asks, and run the same command again."


class CodeNeeded(RobotError):
    outcome = Outcome.CODE_NEEDED
    remedy = (
        "Store the account's authenticator secret with `robot credentials set`, or have the CRM send its codes to the "
        "account's own address, and run the same command again."
    )


class PermissionMissing(RobotError):
    outcome = Outcome.PERMISSION_MISSING
    remedy = "Ask the CRM's support for the permission to export, and run the same command again."


class SiteChanged(RobotError):
    outcome = Outcome.SITE_CHANGED
    remedy = (
        "Look at the picture in the evidence folder; nothing wrong was sent. Export this one by hand with "
        "`robot deliver`, and pass the folder on to whoever keeps the robot."
    )


class SiteDown(RobotError):
    outcome = Outcome.SITE_DOWN
    remedy = "Run the same command again later."


class ReportLate(RobotError):
    outcome = Outcome.REPORT_LATE
    remedy = "Run the same command again later: it looks for the mail first and asks again only if it is not there."


class ReportRejected(RobotError):
    outcome = Outcome.REPORT_REJECTED
    remedy = "Open the file named here and compare it with what the CRM shows; nothing was uploaded."


class UploadFailed(RobotError):
    outcome = Outcome.UPLOAD_FAILED
    remedy = (
        "Look whether the portal has the file; if not, post it with `robot deliver`. It is not posted again by itself."
    )


class AccountBusy(RobotError):
    outcome = Outcome.BUSY
    remedy = "Wait for the other run to end, then run the same command again."


class StepsUnknown(RobotError):
    outcome = Outcome.STEPS_UNKNOWN
    remedy = "Export by hand and use `robot deliver`; `docs/add-a-crm.md` says how to record the steps."


class RobotDefect(RobotError):
    outcome = Outcome.INTERNAL
    remedy = "This is a mistake of the robot: pass the evidence folder on to whoever keeps it."
