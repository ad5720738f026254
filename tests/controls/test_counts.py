import pytest

from export_robots.controls import Screen
from export_robots.controls.counts import count_in, says_empty
from tests.controls.conftest import OnPage


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Showing 1 to 25 of 1,234 entries", 1234),
        ("Affichage de 1 à 25 sur 1 234 entrées", 1234),
        ("1–25 of 312", 312),
        ("Total 312", 312),
        ("Total : 1 234", 1234),
        ("312 results", 312),
        ("312 résultats", 312),
        ("Clients: 312", 312),
        ("Showing 0 to 0 of 0 entries", 0),
        ("Page 1 of 12", None),
        ("Clients+", None),
        ("2026-10-01 - 2026-10-31", None),
        ("Source 48", None),
    ],
)
def test_the_total_is_read_from_what_a_page_says(text: str, count: int | None) -> None:
    assert count_in(text) == count


@pytest.mark.browser
@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("No clients match your filters", True),
        ("No client found", True),
        ("No data available in table", True),
        ("Aucun client", True),
        ("No client", False),
        ("No lead", False),
    ],
)
def test_a_column_of_the_customers_numbers_is_no_word_that_there_is_nothing(
    on_page: OnPage, text: str, empty: bool
) -> None:
    async def says(screen: Screen) -> bool:
        return await says_empty(screen, None)

    assert on_page(f"<table><tr><th>{text}</th></tr><tr><td>17</td></tr></table>", says) is empty
