"""What a person operates on a page. Each control is found as a person finds it, set, and read back.

Nothing here knows a CRM: words come from the CRM's file, places and states from the page (`sight/`).
"""

from export_robots.controls.account import open_profile, sign_in_or_go_on, value_shown
from export_robots.controls.check_list import CheckList
from export_robots.controls.counts import read_row_count, says_empty
from export_robots.controls.date_range import DateRange
from export_robots.controls.drop_down import DropDown
from export_robots.controls.export_dialog import MailedExport, account_shown
from export_robots.controls.icons import Icons
from export_robots.controls.menu import menu_button, menu_entry, open_from_menu
from export_robots.controls.moments import local_now
from export_robots.controls.places import check_list_left_of, drop_down_below_search
from export_robots.controls.range_limits import LimitedDateRange, RangeLimited
from export_robots.controls.save_dialog import SaveDialog, SaveSettings, ShownSettings
from export_robots.controls.saved_report import SavedReport
from export_robots.controls.saved_views import SavedView, SavedViews
from export_robots.controls.screen import Screen, SessionEnded, Thing
from export_robots.controls.sections import find_section
from export_robots.controls.sign_in import SignIn
from export_robots.controls.steps import step
from export_robots.controls.view_page import Needed, PageParts, ViewPage
from export_robots.controls.words import Words, any_of

__all__ = [
    "CheckList",
    "DateRange",
    "DropDown",
    "Icons",
    "LimitedDateRange",
    "MailedExport",
    "Needed",
    "PageParts",
    "RangeLimited",
    "SaveDialog",
    "SaveSettings",
    "SavedReport",
    "SavedView",
    "SavedViews",
    "Screen",
    "SessionEnded",
    "ShownSettings",
    "SignIn",
    "Thing",
    "ViewPage",
    "Words",
    "account_shown",
    "any_of",
    "check_list_left_of",
    "drop_down_below_search",
    "find_section",
    "local_now",
    "menu_button",
    "menu_entry",
    "open_from_menu",
    "open_profile",
    "read_row_count",
    "says_empty",
    "sign_in_or_go_on",
    "step",
    "value_shown",
]
