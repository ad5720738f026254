"""Dialogs that save a view, of kinds that are not in an emulation."""

from datetime import datetime

import pytest

from export_robots.controls import SaveDialog, SavedViews, SaveSettings, Screen, Words
from export_robots.controls.moments import ShownMoment
from tests.controls.conftest import OnPage

pytestmark = pytest.mark.browser

TITLE = "ABC Autos - Activix CRM (Clarivoy Leads)"
WANTED = SaveSettings(
    TITLE,
    Words("Last Month", "Mois dernier"),
    Words("Monthly", "Mensuel"),
    Words("CSV"),
    datetime(2026, 12, 1, 3, 17),  # noqa: DTZ001 - local to the account
)
PAGE = """<button id=disk onclick="box.hidden = false">Save</button>
<div id=box hidden role=dialog style="position: fixed; top: 60px; left: 60px; background: white">
<p><label for=title>{title}</label> <input id=title></p>
<p><label for=range>{dates}</label> <select id=range><option>{today}<option>{month}</select></p>
{subscription}
<button onclick="box.hidden = true">Cancel</button> <button onclick="box.hidden = true">New</button></div>"""
NATIVE = """<p><label><input type=checkbox onchange="more.hidden = !this.checked"> Add Subscription</label></p>
<div id=more hidden><p><label for=often>Frequency</label>
<select id=often><option>None<option>Weekly<option>Monthly</select></p>
<p><label for=kind>Type</label> <select id=kind><option>Excel<option>CSV</select></p>
<p><label for=first>First Execution Date</label> <input id=first type=date> <input id=at type=time></p></div>"""
RADIO = """<p><button onclick="more.hidden = false">Ajouter un abonnement</button></p>
<div id=more hidden><fieldset><legend>Fréquence</legend><label><input type=radio name=f checked> Aucun</label>
<label><input type=radio name=f> Mensuel</label></fieldset>
<fieldset><legend>Format</legend><label><input type=radio name=k checked> Excel</label>
<label><input type=radio name=k> CSV</label></fieldset>
<p><label for=first>Date de première exécution</label> <input id=first type=datetime-local></p></div>"""
HOURS = """<p><span role=switch tabindex=0 aria-checked=false style="cursor: pointer" onclick="
this.ariaChecked = this.ariaChecked != 'true'; more.hidden = this.ariaChecked != 'true'">Add Subscription</span></p>
<div id=more hidden><p><label for=often>Repeats</label> <select id=often><option>None<option>Monthly</select></p>
<p><label for=kind>File type</label> <select id=kind><option>PDF<option>CSV</select></p>
<p><label for=first>First execution</label> <span><input id=first type=date> <select id=hour></select>
<select id=minute></select></span></p></div><script>
for (let i = 0; i < 24; i++) hour.add(new Option(String(i).padStart(2, "0")));
for (const i of ["00", "15", "30", "45"]) minute.add(new Option(i));</script>"""


@pytest.mark.parametrize(
    ("page", "at"),
    [
        (PAGE.format(title="Title", dates="Date Range", today="Today", month="Last Month", subscription=NATIVE), 17),
        (
            PAGE.format(title="Titre", dates="Période", today="Aujourd'hui", month="Mois dernier", subscription=RADIO),
            17,
        ),
        (PAGE.format(title="Name", dates="Period", today="Today", month="Last Month", subscription=HOURS), 15),
    ],
    ids=["native", "radio_buttons_in_french", "switch_and_lists_of_hours"],
)
def test_a_dialog_is_filled_in_and_read_back(on_page: OnPage, page: str, at: int) -> None:
    async def fill(screen: Screen) -> datetime | None:
        disk = await screen.find(Words("Save"))
        assert disk is not None
        dialog = await SaveDialog.open(screen, disk, "the dialog")
        assert (await dialog.read()).differences(WANTED)
        await dialog.fill(WANTED)
        shown = await dialog.read()
        assert not shown.differences(WANTED)
        await dialog.save(Words("New"))
        return shown.first_execution.fitting(WANTED.first_execution)

    assert on_page(page, fill) == WANTED.first_execution.replace(minute=at)


LIST = """<h1>Clients</h1><button onclick="list.hidden = !list.hidden">My Clients ▾</button>
<div id=list hidden style="position: absolute; background: white"><div style="font-weight: bold">SHARED VIEWS</div>
<div class=row style="cursor: pointer">{title}</div><div style="font-weight: bold">MES VUES</div>
<div class=row style="cursor: pointer">Autre</div><div class=row style="cursor: pointer">{title}</div>
<div style="font-weight: bold">TEAM</div><div class=row style="cursor: pointer">{title}</div></div>"""


def test_only_what_stands_under_the_heading_of_my_views_is_ones_own(on_page: OnPage) -> None:
    async def owned(screen: Screen) -> list[bool]:
        return [view.own for view in await SavedViews(screen, Words("My Clients"), TITLE).titled()]

    assert on_page(LIST.format(title=TITLE), owned) == [False, True, False]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("2026-12-01 3:17 AM", True),
        ("01/12/2026 03:17", True),
        ("1 déc. 2026 à 3 h 17", True),
        ("Jan 1, 2027 03:15", True),  # the next execution
        ("Dec 1, 2026 3:17 PM", False),
        ("Dec 2, 2026 03:17", False),
        ("Dec 1, 2026 03:20", False),
        ("Dec 1, 2026", False),
    ],
)
def test_a_moment_fits_if_the_day_does_and_the_time_is_no_later(text: str, fits: bool) -> None:
    assert (ShownMoment(text).fitting(WANTED.first_execution) is not None) is fits
