"""Activix CRM: has the Clients+ report mailed as CSV to the signed-in user.

Follows Clarivoy's help page "Activix: Setting up CRM Leads Report", part "Exporting CRM Leads on your Own"; `# 4-6` are
steps of that page. The account needs Role = Manager, Title = Sales Director and the export permission, which Activix
Support grants on an admin's request. The page names its controls in English; the French words are translations, since
the product speaks both. Nothing is downloaded here: the report comes by mail.
"""

import re
from collections.abc import Callable
from functools import partial

from export_robots import controls
from export_robots.controls import SessionEnded, Words, step
from export_robots.outcomes import PermissionMissing, SiteChanged
from export_robots.periods import Period
from export_robots.robot import CrmRobot, Delivery, Foundation, ReportRequest

MY_CLIENTS = Words("My Clients", "Mes clients", "Mes clientes et clients", "Ma clientèle")
CLIENTS_PLUS = Words("Clients+", "Clients +")
CLIENTS_BY = Words("Clients By", "Clients by", "Clients par", "Clients selon")
SUBMIT = Words("Submit", "Soumettre", "Appliquer", "Apply", "Valider", "Envoyer")
LAST_MONTH = Words("Last Month", "Mois dernier", "Le mois dernier", "Mois précédent", "Dernier mois", "Mois passé")
CREATION_DATE = Words("Creation Date", "Date de création", "Date création", "Créé le", "Création")
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

_ASK_SUPPORT = (
    "An Admin at the dealership writes to support@activix.ca and asks for Export capabilities (Generate Report) for "
    "this account; its profile needs Role = Manager and Title = Sales Director."
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

    @step("sign in", once=True)
    async def sign_in(self) -> None:  # 1
        await controls.SignIn(self.screen, self._signed_in).run()

    async def request_report(self, period: Period) -> ReportRequest:
        try:
            return await self._request_report(period)
        except SessionEnded:
            self.visit.progress.note("the session has ended: signing in again, once, and starting the page over")
        await self.sign_in()
        try:
            return await self._request_report(period)
        except SessionEnded:
            raise SiteChanged("Activix ended the session twice while the report was being set up") from None

    async def _request_report(self, period: Period) -> ReportRequest:
        await self._open_my_clients()
        await self._set_dates(period)
        await self._select_only_creation_date()
        await self._show_all_columns_but_date_of_birth()
        return await self._generate_report(await self._read_everything_back(period))

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
    async def _set_dates(self, period: Period) -> None:  # 4-6
        await self._dates.set(period.first, period.last, LAST_MONTH)

    @step("tick only Creation Date")
    async def _select_only_creation_date(self) -> None:  # 7
        await (await self._date_fields()).tick_only(CREATION_DATE)
        await self.screen.settled()

    @step("show all columns but Date of Birth")
    async def _show_all_columns_but_date_of_birth(self) -> None:  # 8-11
        await (await self._columns()).tick_all_but(DATE_OF_BIRTH)

    @step("read the settings back")
    async def _read_everything_back(self, period: Period) -> Callable[..., ReportRequest]:
        await self.screen.settled()
        await (await self._columns()).require_all_but(DATE_OF_BIRTH)
        await (await self._date_fields()).require_only(CREATION_DATE)
        await self._dates.require(period.first, period.last)
        view = await self._view()
        await view.require(MY_CLIENTS)
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
                "date field": CREATION_DATE[0],
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
        known = (COLUMN_VISIBILITY, HARMLESS)
        unknown = [name for name in await icons.names() if name and not any(words.within(name) for words in known)]
        if unknown:
            raise SiteChanged(f"Generate Report was looked for in Clients+, which offers “{unknown[0]}” instead")
        raise PermissionMissing("Activix does not offer Generate Report to this account", _ASK_SUPPORT)

    @property
    def _dates(self) -> controls.DateRange:
        return controls.DateRange(self.screen, SUBMIT)

    async def _view(self) -> controls.DropDown:
        return await controls.drop_down_below_search(self.screen, MY_CLIENTS)

    async def _date_fields(self) -> controls.CheckList:
        beside = await self._dates.find()
        return await controls.check_list_left_of(self.screen, beside, CREATION_DATE, "the date fields")

    async def _columns(self) -> controls.CheckList:
        async def icon() -> controls.Thing | None:
            return await controls.Icons(self.screen, await self._clients_plus()).find(COLUMN_VISIBILITY)

        found = await self.screen.until("Column Visibility in the tool bar of Clients+", icon)
        return controls.CheckList(self.screen, found, "Column Visibility")

    async def _clients_plus(self) -> list[controls.Thing]:
        return await controls.find_section(self.screen, CLIENTS_PLUS, after=CLIENTS_BY)
