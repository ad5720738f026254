"""What a person operates on a page. Each control is found as a person finds it, set, and read back.

Nothing here knows a CRM: words come from the CRM's file, places and states from the page (`sight/`).
"""

from export_robots.controls.check_list import CheckList
from export_robots.controls.counts import read_row_count, says_empty
from export_robots.controls.date_range import DateRange
from export_robots.controls.drop_down import DropDown
from export_robots.controls.export_dialog import MailedExport, account_shown
from export_robots.controls.icons import Icons
from export_robots.controls.menu import menu_button, menu_entry, open_from_menu
from export_robots.controls.places import check_list_left_of, drop_down_below_search
from export_robots.controls.range_limits import RangeLimited
from export_robots.controls.screen import Screen, SessionEnded, Thing
from export_robots.controls.sections import find_section
from export_robots.controls.sign_in import SignIn
from export_robots.controls.steps import step
from export_robots.controls.words import Words

__all__ = [
    "CheckList",
    "DateRange",
    "DropDown",
    "Icons",
    "MailedExport",
    "RangeLimited",
    "Screen",
    "SessionEnded",
    "SignIn",
    "Thing",
    "Words",
    "account_shown",
    "check_list_left_of",
    "drop_down_below_search",
    "find_section",
    "menu_button",
    "menu_entry",
    "open_from_menu",
    "read_row_count",
    "says_empty",
    "step",
]
