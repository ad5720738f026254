"""Activix CRM: has the Clients+ report mailed as CSV to the signed-in user, once or each month by a saved view.

Follows Clarivoy's help page "Activix: Setting up CRM Leads Report", parts "Exporting CRM Leads on your Own" and "To
Manually Download the Data"; `# 4-6` are steps of the first part, `# again 3` of the second. The account needs Role =
Manager, Title = Sales Director and the export permission, which Activix Support grants on an admin's request. The page
names its controls in English; the French words are translations, since the product speaks both. Nothing is downloaded
here: the report comes by mail.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from export_robots import controls
from export_robots.controls import SessionEnded, Words, any_of, step
from export_robots.outcomes import PermissionMissing, SiteChanged
from export_robots.periods import Month, Period
from export_robots.robot import (
    AccountNeeds,
    AccountShown,
    CrmRobot,
    Delivery,
    Foundation,
    ReportRequest,
    SavedReport,
    SavedReportMissing,
    SubscriptionPlan,
)

Result = TypeVar("Result")

MY_CLIENTS = Words("My Clients", "Mes clients", "Mes clientes et clients", "Ma clientèle")
CLIENTS_PLUS = Words("Clients+", "Clients +")
CLIENTS_BY = Words("Clients By", "Clients by", "Clients par", "Clients selon")
SUBMIT = Words("Submit", "Soumettre", "Appliquer", "Apply", "Valider", "Envoyer")
LAST_MONTH = Words("Last Month", "Mois dernier", "Le mois dernier", "Mois précédent", "Dernier mois", "Mois passé")
CREATION_DATE = Words("Creation Date", "Date de création", "Date création", "Créé le", "Création")
CREATED_BY = Words("Created By", "Créé par", "Créée par")
MONTHLY = Words(
    "Monthly", "Every month", "Mensuel", "Mensuelle", "Mensuellement", "Chaque mois", "Tous les mois", "Month"
)
SAVE = Words("Save", "Save view", "Save the view", "Enregistrer", "Sauvegarder", "Enregistrer la vue",
             "Sauvegarder la vue")  # fmt: skip
ROLE = Words("Role", "User role", "Rôle")
MANAGER = Words("Manager", "Gestionnaire", "Directeur", "Directrice", "Gérant", "Gérante")
TITLE = Words("Title", "Job title", "Titre", "Fonction", "Poste", "Titre du poste")
SALES_DIRECTOR = Words("Sales Director", "Director of Sales", "Directeur des ventes", "Directrice des ventes",
                       "Directeur ventes", "Directeur(trice) des ventes", "Directeur(-trice) des ventes")  # fmt: skip
COLUMN_VISIBILITY = Words("Column Visibility", "Columns Visibility", "Visibilité des colonnes", "Visibilité colonnes",
                          "Affichage des colonnes", "Visibilité de colonnes", "Afficher les colonnes",
                          "Colonnes visibles", "Colonnes affichées", "Choix des colonnes",
                          "Choisir les colonnes")  # fmt: skip
DATE_OF_BIRTH = Words("Date of Birth", "Date de naissance", "Birth date", "Birthdate")
GENERATE_REPORT = Words("Generate Report", "Générer un rapport", "Générer le rapport", "Générer rapport", "Générer")
CSV = Words("CSV", "CSV (.csv)", ".csv", "Fichier CSV", "CSV file")
GENERATE = Words("Generate", "Générer", "Générer le rapport", "Generate report")
# Neighbours of Generate Report that are not it under another name.
HARMLESS = Words(
    "Save", "Enregistrer", "Sauvegarder", "Refresh", "Reload", "Actualiser", "Rafraîchir", "Recharger", "Full screen",
    "Fullscreen", "Plein écran", "Expand", "Collapse", "Agrandir", "Réduire", "Print", "Imprimer", "Filter", "Filters",
    "Filtrer", "Filtres", "Settings", "Paramètres", "Help", "Aide", "Density", "Densité", "Sort", "Trier", "Search",
    "Rechercher", "Previous", "Next", "Précédent", "Suivant", "First", "Last", "Premier", "Dernier", "Page",
)  # fmt: skip
WILL_BE_MAILED = re.compile(
    r"e-?mail|courriel|inbox|boite de reception|\bsent\b|envoye|report (is|has been) (queued|requested|being|generat)|"
    r"rapport (est|a ete) (demande|en cours)"
)

_NEEDS = AccountNeeds(MANAGER[0], SALES_DIRECTOR[0], GENERATE_REPORT[0], "support@activix.ca")
_ASK_SUPPORT = (
    f"An Admin at the dealership writes to {_NEEDS.support} and asks for Export capabilities ({_NEEDS.permission}) for "
    f"this account; its profile needs Role = {_NEEDS.role} and Title = {_NEEDS.title}."
)


class Activix(CrmRobot):
    key = "activix"
    label = "Activix CRM"
    url = "https://crm.activix.ca/"
    delivery = Delivery.MAILED
    foundation = Foundation.DOCUMENTED
    source = "Clarivoy help page “Activix: Setting up CRM Leads Report”, steps 1-15"
    report_senders = ("activix.ca",)
    export_permission = _ASK_SUPPORT
    account_needs = _NEEDS

    @step("sign in", once=True)
    async def sign_in(self) -> None:  # 1
        await controls.sign_in_or_go_on(self.screen, self._signed_in)

    async def request_report(self, period: Period) -> ReportRequest:
        return await self._signed_in_throughout(lambda: self._request_report(period))

    async def subscribe(self, plan: SubscriptionPlan) -> SavedReport:
        return await self._signed_in_throughout(lambda: self._subscribe(plan))

    async def rerun(self, title: str, period: Period, last_month: bool, date_field: str = "") -> ReportRequest:
        return await self._signed_in_throughout(lambda: self._rerun(title, period, last_month, date_field))

    async def look_at_account(self) -> AccountShown:
        return await self._signed_in_throughout(self._look_at_account)

    async def _request_report(self, period: Period) -> ReportRequest:
        await self._open_my_clients()
        await self._set_dates(period)
        await self._select_only(CREATION_DATE)
        await self._show_all_columns_but_date_of_birth()
        return await self._generate_report(await self._read_everything_back(period, CREATION_DATE, MY_CLIENTS))

    async def _subscribe(self, plan: SubscriptionPlan) -> SavedReport:
        date_field = _date_field(plan.date_field)
        now = await controls.local_now(self.screen)
        page = self._page(plan.title, Period.month(Month.of(now.date()).plus(-1)), date_field)
        wanted = controls.SaveSettings(plan.title, LAST_MONTH, MONTHLY, CSV, _to_come(plan.first_execution, now))
        kept = await controls.SavedReport(page, self._views(plan.title), wanted).keep()  # 16-23
        return SavedReport(
            title=kept.settings.title,
            date_range=kept.settings.date_range,
            frequency=kept.settings.frequency,
            export_type=kept.settings.kind,
            first_execution=kept.first_execution,
            date_field=date_field[0],
            hidden_column=DATE_OF_BIRTH[0],
            how=kept.how,
            read_back={**kept.page, "first execution": kept.settings.first_execution.text},
            notes=kept.notes,
        )

    async def _rerun(self, title: str, period: Period, last_month: bool, date_field: str) -> ReportRequest:
        field, shown_as = _date_field(date_field), any_of(MY_CLIENTS, (title,))
        page = self._page(title, period, field)
        await self._open_saved_view(page, title)
        corrected = await page.differences()  # again 4
        if corrected:
            self.visit.progress.note(f"set right for this report: {'; '.join(corrected)}")
            await self._set_up(page)
        if page.base_hidden:
            if other := await page.other_base():
                raise SavedReportMissing(f"the saved view “{title}” is not one of My Clients: {other}")
            await self._open_saved_view(page, title)
            await self._set_up(page)
        request = await self._read_everything_back(period, field, shown_as)
        request.keywords["settings"] |= {"saved view": title, "set right": "; ".join(corrected)}
        return await self._generate_report(request)  # again 5-8

    async def _look_at_account(self) -> AccountShown:
        await self._open_my_clients()
        may_export = await self._may_export()
        role, title = await self._read_profile()
        return AccountShown(
            role=role,
            title=title,
            role_fits=None if role is None else MANAGER.matches(role),
            title_fits=None if title is None else SALES_DIRECTOR.matches(title),
            may_export=may_export,
            account=await controls.account_shown(self.screen, self.visit.login.username),
        )

    async def _signed_in_throughout(self, act: Callable[[], Awaitable[Result]]) -> Result:
        try:
            return await act()
        except SessionEnded:
            self.visit.progress.note("the session has ended: signing in again, once, and starting the page over")
        await self.sign_in()
        try:
            return await act()
        except SessionEnded:
            raise SiteChanged("Activix ended the session twice while the report was being set up") from None

    async def _signed_in(self) -> bool | None:
        return await controls.menu_entry(self.screen, MY_CLIENTS) is not None or await self._menu_folded() or None

    async def _menu_folded(self) -> bool:
        form = await self.screen.look("signInForm")
        return not form and await controls.menu_button(self.screen) is not None

    @step("open My Clients")
    async def _open_my_clients(self) -> None:  # 2-3
        await controls.open_from_menu(self.screen, MY_CLIENTS)
        await (await self._view()).choose(MY_CLIENTS)

    @step("set the dates")
    async def _set_dates(self, period: Period) -> None:  # 4-6, 17-18
        await self._dates.set(period.first, period.last, LAST_MONTH)

    @step("tick only the date field")
    async def _select_only(self, date_field: Words) -> None:  # 7, 20
        await (await self._date_fields(date_field)).tick_only(date_field)
        await self.screen.settled()

    @step("show all columns but Date of Birth")
    async def _show_all_columns_but_date_of_birth(self) -> None:  # 8-11
        await (await self._columns()).tick_all_but(DATE_OF_BIRTH)

    @step("open the saved view")
    async def _open_saved_view(self, page: controls.ViewPage, title: str) -> None:  # again 2-3
        await page.open_plain()
        views = self._views(title)
        own = [view for view in await views.titled() if view.own]
        if not own:
            await views.close()
            raise SavedReportMissing(f"Activix lists no saved view “{title}” among this account's own")
        await views.choose(own[0])

    @step("set the dates, the date field and the columns")
    async def _set_up(self, page: controls.ViewPage) -> None:
        await page.set_up()

    @step("look whether Generate Report is offered")
    async def _may_export(self) -> bool:
        await self._columns()  # its neighbour: the tool bar is drawn
        try:
            await self.screen.steadily(self._generate_icon)
        except PermissionMissing:
            return False
        return True

    @step("look at the profile")
    async def _read_profile(self) -> tuple[str | None, str | None]:
        self.screen.signed_in = False  # where one's password may be changed is no end of the session
        if not await controls.open_profile(self.screen):
            return None, None
        role = await controls.value_shown(self.screen, ROLE, self.screen.patience / 3)
        return role, await controls.value_shown(self.screen, TITLE, 1.0)

    @step("read the settings back")
    async def _read_everything_back(
        self, period: Period, date_field: Words, shown_as: Words
    ) -> "partial[ReportRequest]":
        await self.screen.settled()
        await (await self._columns()).require_all_but(DATE_OF_BIRTH)
        await (await self._date_fields(date_field)).require_only(date_field)
        await self._dates.require(period.first, period.last)
        view = await self._view(shown_as)
        await view.require(shown_as)
        section = await self._clients_plus()
        rows = await controls.read_row_count(self.screen, section)
        return partial(
            ReportRequest,
            account=await controls.account_shown(self.screen, self.visit.login.username),
            first=period.first,
            last=period.last,
            rows_shown=rows,
            says_empty=rows == 0 or (rows is None and await controls.says_empty(self.screen, section)),
            settings={
                "view": await view.shown(),
                "dates": (await self._dates.find()).text,
                "date field": date_field[0],
                "hidden column": DATE_OF_BIRTH[0],
                "export type": CSV[0],
            },
        )

    @step("generate the report", once=True)
    async def _generate_report(self, request: Callable[..., ReportRequest]) -> ReportRequest:  # 12-15
        icon = await self.screen.steadily(self._generate_icon)
        answer = await controls.MailedExport(self.screen, icon, GENERATE, WILL_BE_MAILED).ask_for(CSV)
        return request(requested_at=answer.asked_at, acknowledgement=answer.text)

    async def _generate_icon(self) -> controls.Thing:
        icons = controls.Icons(self.screen, await self._clients_plus())
        icon = await icons.find(GENERATE_REPORT)
        if icon is not None and await self.screen.look("enabled", icon):
            return icon
        if icon is not None:
            raise PermissionMissing("Activix shows Generate Report but does not let this account use it", _ASK_SUPPORT)
        renamed, others = await icons.others((COLUMN_VISIBILITY, HARMLESS))
        if renamed:
            raise SiteChanged(f"Generate Report was looked for in Clients+, which offers “{renamed[0]}” instead")
        beside = f", beside {', '.join(f'“{name}”' for name in others)}" if others else ""
        raise PermissionMissing(f"Activix does not offer Generate Report to this account{beside}", _ASK_SUPPORT)

    async def _save_icon(self) -> controls.Thing:  # 21-22
        async def icon() -> controls.Thing | None:
            return await controls.Icons(self.screen, await self._clients_plus()).find(SAVE)

        return await self.screen.until("Save (the floppy disk) in the tool bar of Clients+", icon)

    @property
    def _dates(self) -> controls.DateRange:
        return controls.LimitedDateRange(self.screen, SUBMIT)

    async def _view(self, shown_as: Words = MY_CLIENTS) -> controls.DropDown:
        return await controls.drop_down_below_search(self.screen, shown_as)

    def _page(self, title: str, period: Period, date_field: Words) -> controls.ViewPage:
        parts = controls.PageParts(
            open=self._open_my_clients,
            dates=lambda: self._dates,
            date_fields=self._date_fields,
            columns=self._columns,
            base=self._view,
            section=self._clients_plus,
            save_icon=self._save_icon,
        )
        needed = controls.Needed(period.first, period.last, LAST_MONTH, date_field, DATE_OF_BIRTH, MY_CLIENTS)
        return controls.ViewPage(self.screen, parts, needed, title)

    def _views(self, title: str) -> controls.SavedViews:
        return controls.SavedViews(self.screen, MY_CLIENTS, title)

    async def _date_fields(self, offered: Words) -> controls.CheckList:
        beside = await self._dates.find()
        return await controls.check_list_left_of(self.screen, beside, offered, "the date fields")

    async def _columns(self) -> controls.CheckList:
        async def icon() -> controls.Thing | None:
            return await controls.Icons(self.screen, await self._clients_plus()).find(COLUMN_VISIBILITY)

        found = await self.screen.until("Column Visibility in the tool bar of Clients+", icon)
        return controls.CheckList(self.screen, found, "Column Visibility")

    async def _clients_plus(self) -> list[controls.Thing]:
        return await controls.find_section(self.screen, CLIENTS_PLUS, after=CLIENTS_BY)


def _date_field(name: str) -> Words:
    """The one that the page calls `name`; Creation Date unless that is another one."""
    return next((known for known in (CREATION_DATE, CREATED_BY) if not name or known.matches(name)), Words(name))


def _to_come(first: datetime, now: datetime) -> datetime:
    """The first execution, or the next one on the same day of the month where that is over."""
    month = Month.of(first.date())
    while (coming := datetime.combine(month.first.replace(day=first.day), first.time())) <= now.replace(tzinfo=None):
        month = month.plus(1)
    return coming
