"""The messages that Python itself is tested with, where this Python ships its tests; and ours, taken apart at random.

Nothing is expected of them but that reading them ends, in contents or in a reason, and never in another error.
"""

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest

from report_mailbox.attachments import MailTooOdd, contents_of
from report_mailbox.mailbox import Limits
from report_mailbox.message import (
    content_hash,
    delivered_to,
    read_headers,
    sender_of,
    sent_at,
    split_header_block,
)

OURS = sorted((Path(__file__).parent / "messages").glob("*.eml"))


def python_messages() -> list[Path]:
    spec = find_spec("test")
    folders = [Path(each) / "test_email" / "data" for each in spec.submodule_search_locations or ()] if spec else []
    return sorted(path for folder in folders for path in folder.glob("msg_*.txt"))


def read(raw: bytes) -> None:
    headers = read_headers(split_header_block(raw))
    sender_of(headers)
    sent_at(headers)
    content_hash(raw)
    delivered_to(headers, {"datateam@example.com"})
    with suppress(MailTooOdd):
        for file in contents_of(raw, Limits(header_bytes=100_000)).files:
            assert file.content


@pytest.mark.parametrize("path", [*OURS, *python_messages()], ids=lambda path: path.stem)
def test_reading_ends_in_contents_or_a_reason(path: Path) -> None:
    raw = path.read_bytes()
    read(raw)
    random = Random(path.stem)  # noqa: S311
    for _ in range(20):
        cut = sorted(random.randrange(len(raw) + 1) for _ in range(2))
        read(raw[: cut[0]] + raw[cut[1] :])
        read(raw[: cut[0]] + bytes([random.randrange(256)]) + raw[cut[0] :])
        read(raw.replace(b"\r\n", b"\n").replace(b"\n", random.choice([b"\r\n", b"\r", b"\n"]))[: cut[1]])
