import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_robots.outcomes import UsageWrong
from export_robots.periods import Month, Period
from export_robots.reports.naming import RECEIPT_SUFFIX, NameStyle, file_name

ACTIVIX = ("ABC Autos", "Activix CRM", "activix")
OTHER = ("ABC Automotive", "AutoDealer CRM", "general")
EXAMPLES = [
    (ACTIVIX, "2023-08", "2023-08", "ABC Autos – Activix CRM – Aug 2023.csv"),
    (ACTIVIX, "2023-03", "2023-04", "ABC Autos – Activix CRM – Mar 2023 to Apr 2023.csv"),
    (ACTIVIX, "2024-12", "2025-01", "ABC Autos – Activix CRM – Dec 2024 to Jan 2025.csv"),
    (OTHER, "2025-02", "2025-02", "ABC Automotive - Feb 2025 - AutoDealer CRM Leads.csv"),
    (OTHER, "2025-01", "2025-02", "ABC Automotive - Jan-Feb 2025 - AutoDealer CRM Leads.csv"),
    (OTHER, "2024-12", "2025-01", "ABC Automotive - Dec 2024-Jan 2025 - AutoDealer CRM Leads.csv"),
    (OTHER, "2025-01", "2025-03", "ABC Automotive - Jan-Mar 2025 - AutoDealer CRM Leads.csv"),
    (("ABC", "VinSolutions", "vinsolutions"), "2025-02", "2025-02", "ABC - Feb 2025 - VinSolutions Leads.csv"),
    (("ABC", "AutoDealer CRM Leads", "x"), "2025-02", "2025-02", "ABC - Feb 2025 - AutoDealer CRM Leads.csv"),
]


def period(start: str, end: str) -> Period:
    return Period(Month.parse(start), Month.parse(end))


@pytest.mark.parametrize(("who", "start", "end", "name"), EXAMPLES)
def test_names_files_as_the_portal_s_examples(who: tuple[str, str, str], start: str, end: str, name: str) -> None:
    dealership, label, style = who
    assert file_name(dealership, label, period(start, end), style) == name


def test_activix_alone_has_a_style_of_its_own() -> None:
    assert NameStyle.of("activix") is NameStyle.ACTIVIX
    assert NameStyle.of("vinsolutions") is NameStyle.GENERAL


def test_every_month_has_its_english_abbreviation() -> None:
    names = [file_name("A", "B CRM", Period.month(Month(2026, number))) for number in range(1, 13)]
    assert [name.split(" - ")[1][:3] for name in names] == (
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905 - easier to read so
    )


@pytest.mark.parametrize(
    ("dealership", "written"),
    [
        ("Smith/Jones: Autos", "Smith-Jones- Autos"),
        ('A "B" <C> | D? *\\', "A -B- -C- - D- --"),
        ("  Église  Honda\t\n", "Église Honda"),
        ("Cafe\u0301 Autos", "Café Autos"),
        ("ABC\u200bAutos\u202e", "ABCAutos"),
        ("...Hidden", "Hidden"),
        ("ABC Inc.", "ABC Inc."),
        ("Aux. Motors", "Aux_. Motors"),
        ("Autos & Fils l'Ancienne", "Autos & Fils l'Ancienne"),
    ],
)
def test_replaces_what_a_file_system_may_refuse(dealership: str, written: str) -> None:
    october = period("2026-10", "2026-10")
    assert file_name(dealership, "Activix CRM", october, "activix") == f"{written} – Activix CRM – Oct 2026.csv"


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_name_fits_into_a_file_system_with_its_receipt(dealership: str, label: str) -> None:
    try:
        name = file_name(dealership, label, Period.month(Month(2026, 10)))
    except UsageWrong:
        return
    assert len((name + RECEIPT_SUFFIX).encode()) <= 255
    assert not set(name) & set('/\\:*?"<>|\0\n\r\t')
    assert not name.startswith((" ", "."))
    assert " - Oct 2026 - " in name
    assert name.endswith(" Leads.csv")


def test_a_very_long_name_keeps_its_month_and_crm() -> None:
    name = file_name("Église " * 60, "Activix CRM", period("2023-08", "2023-08"), "activix")
    assert name.endswith(" – Activix CRM – Aug 2023.csv")
    assert 230 < len(name.encode()) <= 242


def test_a_name_without_a_usable_letter_is_refused() -> None:
    with pytest.raises(UsageWrong, match="the dealership's name"):
        file_name(" .\u200b ", "Activix CRM", period("2023-08", "2023-08"))
