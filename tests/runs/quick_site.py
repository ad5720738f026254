"""The page of the quick CRM: a sign-in that lasts, a request, saved reports that are mailed each month on its clock."""

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from html import escape
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from emulated_world.contract import Lead, SiteAccount, SiteWorld
from emulated_world.leads import leads
from emulated_world.world import EmulatedWorld
from export_robots.periods import Month, Period

COLUMNS = ("Creation Date", "Source", "First Name", "Last Name", "Address", "City", "Province", "Postal Code", "Email")
_SIGN_IN = (
    "<form method=post action=sign-in><label>Email <input name=email></label>"
    "<label>Password <input type=password name=password></label><button>Login</button></form>"
)
SENT_CODE = "424242"
_CODE = (
    "<form method=post action=code><label>Code from your phone <input name=code autocomplete=one-time-code></label>"
    "<button>Verify</button></form>"
)


@dataclass
class _View:
    """A saved report of one account; `due` is local to it."""

    title: str
    first_execution: datetime
    due: datetime


class _Site:
    def __init__(self, world: SiteWorld) -> None:
        self.world = world
        self.sessions: dict[str, SiteAccount] = {}
        self.asked: dict[str, SiteAccount] = {}
        self.views: dict[str, dict[str, _View]] = {}
        self._sending: set[asyncio.Task[None]] = set()
        world.clock_hooks.append(self._fire)

    async def front(self, request: Request) -> Response:
        if "fails_with_503" in self.world.misbehaviours:
            return Response("down", 503)
        account = self.sessions.get(request.cookies.get("session", ""))
        return HTMLResponse(self._page(account) if account else _SIGN_IN)

    async def sign_in(self, request: Request) -> Response:
        form = await request.form()
        account = self.world.accounts[str(form["email"])]
        right = form["password"] == account.password
        accepted = right and "refuses_password" not in self.world.misbehaviours
        self.world.journal.add("sign_in", username=account.username, accepted=accepted, right=right)
        if not accepted:
            return HTMLResponse("<p role=alert>Wrong password</p>")
        key = f"session-{len(self.world.journal.entries)}"
        if "asks_sms_code" in self.world.misbehaviours:
            self.asked[key] = account
            response: Response = HTMLResponse(_CODE)
            response.set_cookie("asked", key, httponly=True)
            return response
        return self._inside(key, account)

    async def code(self, request: Request) -> Response:
        form, key = await request.form(), request.cookies["asked"]
        account = self.asked[key]
        accepted = form["code"] == SENT_CODE
        self.world.journal.add("code", username=account.username, accepted=accepted)
        return self._inside(key, account) if accepted else HTMLResponse("<p role=alert>Wrong code</p>")

    def _inside(self, key: str, account: SiteAccount) -> Response:
        response = RedirectResponse("/", 303)
        self.sessions[key] = account
        response.set_cookie("session", key, httponly=True)
        return response

    async def report(self, request: Request) -> Response:
        form = await request.form()
        account = self.sessions[request.cookies["session"]]
        first, last = date.fromisoformat(str(form["first"])), date.fromisoformat(str(form["last"]))
        if "limits_range" in self.world.misbehaviours and (last - first).days > 31:
            return HTMLResponse("<p role=alert>Choose 31 days at most</p>")
        text, rows = csv_of(self.world, account, first, last)
        asked = {"username": account.username, "first": str(first), "last": str(last), "view": str(form["view"])}
        self.world.journal.add("report_requested", **asked)
        if "never_mails" not in self.world.misbehaviours:
            task = asyncio.create_task(self._send(account, text, "Your report"))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return HTMLResponse(f"<p role=status>The report will be emailed to you</p><p data-testid=rows>{rows}</p>")

    async def save(self, request: Request) -> Response:
        form = await request.form()
        account = self.sessions[request.cookies["session"]]
        title, execution = str(form["title"]), datetime.fromisoformat(str(form["execution"]))
        self.views.setdefault(account.username, {})[title] = _View(title, execution, execution)
        self.world.journal.add("view_saved", username=account.username, title=title, first_execution=str(execution))
        return RedirectResponse("/", 303)

    def _page(self, account: SiteAccount) -> str:
        wrong = "wrong_role" in self.world.misbehaviours
        views = [] if "view_gone" in self.world.misbehaviours else self.views.get(account.username, {}).values()
        listed = "".join(
            f"<li>{escape(view.title)} <time role=time>{view.first_execution:%Y-%m-%dT%H:%M}</time></li>"
            for view in views
        )
        button = "" if "no_export_permission" in self.world.misbehaviours else "<button>Generate</button>"
        if "renamed_button" in self.world.misbehaviours:
            button = "<button>Make</button>"
        return (
            f"<h1>Reports</h1><p data-testid=account>{escape(account.username)}</p>"
            f"<p data-testid=role>{'Advisor' if wrong else account.role}</p>"
            f"<p data-testid=title>{'Salesperson' if wrong else account.title}</p><ul>{listed}</ul>"
            "<form method=post action=report><label>View <input name=view></label>"
            "<label>From <input type=date name=first></label><label>To <input type=date name=last></label>"
            f"{button}</form><form method=post action=save><label>Title <input name=title></label>"
            "<label>Execution <input name=execution></label><button>Save</button></form>"
        )

    async def _fire(self, now: datetime) -> None:
        for username, views in self.views.items():
            account = self.world.accounts[username]
            here = now.astimezone(ZoneInfo(account.zone)).replace(tzinfo=None)
            for view in views.values():
                while view.due <= here:
                    due, following = view.due, Month.of(view.due.date()).plus(1).first
                    view.due = datetime.combine(following, due.time())
                    if "subscription_stops" not in self.world.misbehaviours:
                        await self._mail_subscribed(account, view, due)

    async def _mail_subscribed(self, account: SiteAccount, view: _View, due: datetime) -> None:
        back = -2 if "subscription_wrong_dates" in self.world.misbehaviours else -1
        period = Period.month(Month.of(due.date()).plus(back))
        text, rows = csv_of(self.world, account, period.first, period.last)
        if "subscription_wrong_columns" in self.world.misbehaviours:
            text = "".join(f"{line.rpartition(',')[0]}\r\n" for line in text.splitlines())
        for _ in range(2 if "subscription_fires_twice" in self.world.misbehaviours else 1):
            await self._send(account, text, f"Scheduled report: {view.title}")
            self.world.journal.add("subscription_fired", username=account.username, title=view.title, rows=rows)

    async def _send(self, account: SiteAccount, text: str, subject: str) -> None:
        while "mails_late" in self.world.misbehaviours:  # noqa: ASYNC110 - switched in the test's thread
            await asyncio.sleep(0.05)
        if "mails_html_page" in self.world.misbehaviours:
            text = "<!doctype html><html><body>Internal error</body></html>"
        mail = report_mail(account.username, text, subject, self.world.now())
        await self.world.send("reports@activix.ca", account.username, mail)
        self.world.journal.add("report_mailed", username=account.username)


def app(world: SiteWorld) -> Starlette:
    site = _Site(world)
    return Starlette(
        routes=[
            Route("/", site.front),
            Route("/sign-in", site.sign_in, methods=["POST"]),
            Route("/code", site.code, methods=["POST"]),
            Route("/report", site.report, methods=["POST"]),
            Route("/save", site.save, methods=["POST"]),
        ]
    )


def csv_of(world: SiteWorld | EmulatedWorld, account: SiteAccount, first: date, last: date) -> tuple[str, int]:
    lines = rows_of(world, account, first, last)
    return "".join(f"{line}\r\n" for line in lines), len(lines) - 1


def rows_of(world: SiteWorld | EmulatedWorld, account: SiteAccount, first: date, last: date) -> list[str]:
    """The report's lines, the header's first."""
    asked = Period(Month.of(first), Month.of(last)).months  # alone: all months of many accounts would take a while
    made = (
        []
        if "empty_month" in world.misbehaviours
        else leads(account.dealership, account.zone, [each.first for each in asked])
    )
    rows = [_row(lead) for lead in made if first <= lead.created.date() <= last and lead.created <= world.now()]
    return [_line(COLUMNS), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n")


def _row(lead: Lead) -> tuple[str, ...]:
    return (
        f"{lead.created:%Y-%m-%d %H:%M}",
        *(lead.source, lead.first_name, lead.last_name, lead.street),
        *(lead.city, lead.province, lead.postal_code, lead.email),
    )


def report_mail(to: str, text: str, subject: str, now: datetime) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "reports@activix.ca", to, subject
    mail["Date"], mail["Message-ID"] = format_datetime(now), make_msgid(domain="mail.activix.ca")
    mail.set_content("Your report is attached.")
    mail.add_attachment(text.encode(), maintype="text", subtype="csv", filename="report.csv")
    return mail
