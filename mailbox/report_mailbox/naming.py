"""The names of attachments: raw 8-bit, RFC 2231 and RFC 2047 ones are read, and none can do harm."""

import re
import unicodedata
from email.headerregistry import HeaderRegistry
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import PurePosixPath

from report_mailbox.message import decode_bytes, decode_words

# What the standard library's parser has been seen to raise on mails that are odd or hostile.
ODDITIES = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RecursionError,
)

_LONGEST_HEADER = 8_000  # bytes; a name in thousands of encoded pieces takes the standard library minutes
_LONGEST_NAME, _LOOKED_AT = 120, 1_000  # characters
_CONTROL_OR_SEPARATOR = re.compile(r"[/\\:\x00-\x1f\x7f]")
_NOT_SHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)", re.IGNORECASE)
_REGISTRY = HeaderRegistry()


def name_of(part: "Message[str, str]") -> str:
    """The file name a part gives, harmless but otherwise as written; empty when it gives none that can be read."""
    for header, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        raw = next((value for key, value in part.raw_items() if key.casefold() == header), None)
        if raw is None or len(str(raw)) > _LONGEST_HEADER:
            continue
        value = decode_bytes(str(raw).encode("utf-8", "surrogateescape"))
        name = _by_old_policy(header, value, parameter)
        if not name or name.startswith("=?"):
            name = _by_new_policy(header, value, parameter) or name
        if name:
            return harmless_name(decode_words(name)) or "attachment"  # of its name nothing can be shown
    return ""


def harmless_name(name: str) -> str:
    """No path, no control or direction characters, no device of Windows, at most 120 characters."""
    last = PurePosixPath(name.replace("\\", "/")).name if name.strip("./\\") else ""
    if len(last) > _LOOKED_AT:
        last = last[: _LOOKED_AT - 50] + last[-50:]
    kept = "".join(
        character
        for character in unicodedata.normalize("NFC", _CONTROL_OR_SEPARATOR.sub("", last))
        if unicodedata.category(character) not in _NOT_SHOWN
    ).strip(" .")
    if _DEVICE.match(kept):
        kept = f"_{kept}"
    if len(kept) <= _LONGEST_NAME:
        return kept
    suffix = PurePosixPath(kept).suffix[:10]
    return kept[: _LONGEST_NAME - len(suffix)] + suffix


def _by_old_policy(header: str, value: str, parameter: str) -> str:
    holder: Message[str, str] = Message()
    holder[header] = value
    try:
        found = holder.get_param(parameter, None, header)
        return collapse_rfc2231_value(found) if found is not None else ""
    except ODDITIES:
        return ""


def _by_new_policy(header: str, value: str, parameter: str) -> str:
    try:
        parsed = _REGISTRY(header, value)
        return str(getattr(parsed, "params", {}).get(parameter, ""))
    except ODDITIES:
        return ""
