"""Whether a mail may count as its sender's: by the receiving server's stamp, or by what is verified here."""

from datetime import datetime, timedelta

from report_mailbox.authenticity import why_not_authentic
from report_mailbox.dkim_check import Authenticity, Standing, check_signatures, is_heavy
from report_mailbox.dkim_process import check_apart
from report_mailbox.dmarc import wants_unsigned_refused
from report_mailbox.domains import as_in_dns
from report_mailbox.mailbox import Mailbox
from report_mailbox.message import Headers, domain_of, sent_at
from report_mailbox.txt_records import DnsUnreachable, TxtRecords
from report_mailbox.verdicts import Verdicts

_REPLAYED = timedelta(days=1)
"""A mail that is so much older, by its own date, than the request for it was not sent in answer."""


class SenderCheck:
    def __init__(self, mailbox: Mailbox, verdicts: Verdicts) -> None:
        self._mailbox = mailbox
        self._verdicts = verdicts
        self._records = TxtRecords(mailbox.nameservers)

    def doubt(
        self, raw: bytes, sha256: str, headers: Headers, sender: str, received: datetime, asked: datetime
    ) -> str | None:
        """Why the mail is to be held, one sentence without a full stop, or None.

        `sha256` is of `raw`; `asked` is when the first report that it may answer was asked for, aware. What was found
        out is noted in the verdicts; whoever records the decision saves them.
        """
        domain = domain_of(sender)
        if self._mailbox.authserv_id:
            found = _stamped(headers, self._mailbox.authserv_id, sender)
            self._verdicts.note(sha256, domain, found)
            reason = found.reason
        else:
            found = self._verified(raw, sha256, domain, received)
            reason = self._against(found, domain, sha256)
        if reason:
            return f"it may not be from {domain}: {reason}"
        sent = sent_at(headers)
        if found.standing in (Standing.VERIFIED, Standing.STAMPED) and sent and sent < asked - _REPLAYED:
            return f"it is an old mail that came again: {domain} sent it on {sent:%Y-%m-%d}, before it was asked for"
        return None

    def doubt_unopened(self, headers: Headers, sender: str) -> str | None:
        """As `doubt`, of a mail of which only the headers are here."""
        domain = domain_of(sender)
        if self._mailbox.authserv_id:
            reason = why_not_authentic(headers, self._mailbox.authserv_id, sender)
        else:
            reason = None if self._mailbox.unsigned == "accept" else "its DKIM signature could not be checked"
        return f"it may not be from {domain}: {reason}" if reason else None

    def _verified(self, raw: bytes, sha256: str, domain: str, received: datetime) -> Authenticity:
        known = self._verdicts.of(sha256)
        if known and known.standing not in (Standing.UNKNOWN, Standing.STAMPED):
            return known
        if is_heavy(raw):
            found = check_apart(raw, domain, received, self._mailbox.nameservers)
        else:
            found = check_signatures(raw, domain, received, self._records)
        self._verdicts.note(sha256, domain, found)
        return found

    def _against(self, found: Authenticity, domain: str, sha256: str) -> str:
        """Why a mail with this standing does not count; empty if it does."""
        if found.standing is Standing.VERIFIED or self._mailbox.unsigned == "accept":
            return ""
        if found.standing is Standing.FAILED or self._mailbox.unsigned == "hold":
            return found.reason
        if found.standing is Standing.UNKNOWN:
            return ""
        if self._verdicts.verified_before(domain):
            return f"{found.reason}, and earlier mails had a good one"
        try:
            policy = wants_unsigned_refused(as_in_dns(domain), self._records)
        except DnsUnreachable:
            self._verdicts.note(sha256, domain, Authenticity(Standing.UNKNOWN, f"the policy of {domain} is not known"))
            return ""
        return f"{found.reason}, and {policy} asks that such mail be refused (DMARC)" if policy else ""


def _stamped(headers: Headers, authserv_id: str, sender: str) -> Authenticity:
    doubt = why_not_authentic(headers, authserv_id, sender)
    return Authenticity(Standing.UNVERIFIED, doubt) if doubt else Authenticity(Standing.STAMPED)
