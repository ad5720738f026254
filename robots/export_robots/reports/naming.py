"""The name a report is uploaded under: dealership, CRM, month or months, always in English.

The portal's help pages give these examples, which are all that is known:

    ABC Autos – Activix CRM – Aug 2023.csv                        Activix (en dashes)
    ABC Autos – Activix CRM – Mar 2023 to Apr 2023.csv
    ABC Automotive - Jan-Feb 2025 - AutoDealer CRM Leads.csv      any other CRM (hyphens)
"""

import re
import unicodedata
from enum import StrEnum

from export_robots.outcomes import UsageWrong
from export_robots.periods import Month, Period

RECEIPT_SUFFIX = ".receipt.json"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONGEST = 255 - len(RECEIPT_SUFFIX) - 1
_LONGEST_LABEL = 100
_REFUSED = re.compile(r'[/\\:*?"<>|]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?=\s*(?:\.|$))")


class NameStyle(StrEnum):
    """Which of the two ways; a CRM's key may be used in place of a member."""

    ACTIVIX = "activix"
    GENERAL = "general"

    @classmethod
    def of(cls, crm_key: str) -> "NameStyle":
        """Activix has a way of its own; every other CRM has the general one."""
        return cls.ACTIVIX if crm_key == cls.ACTIVIX else cls.GENERAL


def file_name(dealership: str, crm_label: str, period: Period, style: str = NameStyle.GENERAL) -> str:
    """The name for the report of `period`.

    Args:
        dealership: The dealership's name, or the rooftop's own; what a file system may refuse in it is replaced.
        crm_label: The CRM's name in full, as `Activix CRM` or `AutoDealer CRM`.
        period: The months that the report covers.
        style: A `NameStyle` or a CRM's key.
    """
    who, label = clean(dealership), _shortened(clean(crm_label), _LONGEST_LABEL)
    if not who or not label:
        what = "dealership's" if not who else "CRM's"
        raise UsageWrong(
            f"the {what} name has no letter that a file name can hold", "Give it in the configuration file."
        )
    if NameStyle.of(style) is NameStyle.ACTIVIX:
        rest = f" – {label} – {_activix_months(period)}.csv"
    else:
        rest = f" - {_general_months(period)} - {label.removesuffix(' Leads')} Leads.csv"
    name = _shortened(who, _LONGEST - len(rest.encode())) + rest
    reserved = _RESERVED.match(name)  # "Aux. Motors ….csv" is the device AUX to Windows
    return f"{reserved[1]}_{name[reserved.end(1) :]}" if reserved else name


def clean(text: str) -> str:
    """`text` without what a file system or the portal may refuse in a name: the rest stays as it is written."""
    text = _REFUSED.sub("-", unicodedata.normalize("NFC", text))
    text = "".join(_replaced(letter) for letter in text)
    return " ".join(text.split()).lstrip(". ").rstrip(" ")


def _replaced(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in {"Cc", "Zs", "Zl", "Zp"}:
        return " "
    return "" if category in {"Cf", "Cs", "Co", "Cn"} else letter


def _shortened(text: str, size: int) -> str:
    if len(text.encode()) <= size:
        return text
    return text.encode()[:size].decode(errors="ignore").rstrip(". ")


def _activix_months(period: Period) -> str:
    if period.start == period.end:
        return _month(period.start)
    return f"{_month(period.start)} to {_month(period.end)}"


def _general_months(period: Period) -> str:
    if period.start == period.end:
        return _month(period.start)
    if period.start.year == period.end.year:
        return f"{_MONTHS[period.start.number - 1]}-{_month(period.end)}"
    return f"{_month(period.start)}-{_month(period.end)}"


def _month(month: Month) -> str:
    return f"{_MONTHS[month.number - 1]} {month.year:04}"
