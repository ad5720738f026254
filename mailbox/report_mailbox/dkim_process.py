"""`python -m report_mailbox.dkim_process`: the check of one heavy mail, in a process that can be ended.

Arguments: the sender's domain, when the mail was received (ISO 8601), and name servers. The mail comes on stdin; the
standing goes to stdout, and after a line break the reason.
"""

import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta

from report_mailbox.dkim_check import Authenticity, Standing, check_signatures
from report_mailbox.txt_records import TxtRecords

TIME_LIMIT = timedelta(seconds=60)
"""dkimpy takes about 0.2 s for each MB on a machine that does nothing else."""


def check_apart(
    raw: bytes, sender_domain: str, received: datetime, nameservers: Sequence[str], limit: timedelta = TIME_LIMIT
) -> Authenticity:
    """As `check_signatures`, and `failed` if it takes longer than the limit: otherwise that would be a way in."""
    command = [sys.executable, "-P", "-m", __name__, sender_domain, received.isoformat(), *nameservers]
    try:
        done = subprocess.run(command, input=raw, capture_output=True, timeout=limit.total_seconds(), check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return Authenticity(
            Standing.FAILED, f"its DKIM signature could not be checked within {limit.total_seconds():g} s"
        )
    if done.returncode != 0:
        return Authenticity(Standing.FAILED, "its DKIM signature could not be checked: the check broke off")
    standing, _, reason = done.stdout.decode("utf-8").partition("\n")
    return Authenticity(Standing(standing), reason)


def _main() -> None:
    domain, received, *nameservers = sys.argv[1:]
    found = check_signatures(sys.stdin.buffer.read(), domain, datetime.fromisoformat(received), TxtRecords(nameservers))
    sys.stdout.write(f"{found.standing}\n{found.reason}")


if __name__ == "__main__":
    _main()
