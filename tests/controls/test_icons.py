"""What a tool bar says when the icon that was looked for is not in it."""

import pytest

from export_robots.controls import Icons, Screen, Words
from tests.controls.conftest import OnPage

pytestmark = pytest.mark.browser

NEIGHBOURS = ["Save", "Segments", "Mass email", "Send an e-mail", "Envoi de masse", "Texto de masse", "Livraisons"]


@pytest.mark.parametrize(
    "renamed", ["Send to agency", "Distribute", "Extraction", "Préparer un extrait", "Transmettre la liste", None]
)
def test_what_hands_data_out_under_another_name_is_told_from_other_icons(on_page: OnPage, renamed: str | None) -> None:
    async def others(screen: Screen) -> tuple[list[str], list[str]]:
        return await Icons(screen, None).others([Words("Save")])

    names = [*NEIGHBOURS, *([renamed] if renamed else [])]
    page = "".join(f'<button title="{name}"><svg width=16 height=16></svg></button>' for name in names)
    assert on_page(page, others) == ([renamed] if renamed else [], NEIGHBOURS[1:])
