"""A CRM of one page and its robot, for what is tested around a robot: an export takes a second instead of ten.

The page knows nothing but a sign-in and a request, so nothing here says anything about Activix. Some of the emulated
world's misbehaviours are known by the same names; `mails_late` holds mail back until it is switched off.
"""

import asyncio
import csv
import io
from datetime import date, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from emulated_world.contract import SiteAccount, SiteWorld
from emulated_world.world import EmulatedWorld
from export_robots import clock
from export_robots.outcomes import SignInRefused
from export_robots.periods import Period
from export_robots.robot import CrmRobot, Delivery, Foundation, ReportRequest

COLUMNS = ("Creation Date", "Source", "First Name", "Last Name", "Address", "City", "Province", "Postal Code", "Email")


class QuickCrm(CrmRobot):
    key = "activix"
    label = "Activix CRM"
    url = "http://127.0.0.1/"
    delivery = Delivery.MAILED
    foundation = Foundation.DOCUMENTED
    source = "tests/runs/quick_crm.py"
    report_senders = ("activix.ca",)

    async def sign_in(self) -> None:
        async with self.visit.step("sign in"):
            await self.visit.goto(self.visit.url)
            await self.visit.page.get_by_label("Email").fill(self.visit.login.username)
            await self.visit.type_password(self.visit.page.get_by_label("Password"))
            await self.visit.page.get_by_role("button", name="Login").click()
            refusal, menu = self.visit.page.get_by_role("alert"), self.visit.page.get_by_role("heading", name="Reports")
            await refusal.or_(menu).wait_for()
            if await refusal.is_visible():
                raise SignInRefused("the CRM said “Wrong password”")

    async def request_report(self, period: Period) -> ReportRequest:
        async with self.visit.step("generate the report"):
            await self.visit.page.get_by_label("From").fill(period.first.isoformat())
            await self.visit.page.get_by_label("To", exact=True).fill(period.last.isoformat())
            asked_at = clock.now()
            await self.visit.page.get_by_role("button", name="Generate").click()
            said = self.visit.page.get_by_role("status")
            await said.wait_for()
            rows = int(await self.visit.page.get_by_test_id("rows").inner_text())
            return ReportRequest(asked_at, None, period.first, period.last, rows, rows == 0, await said.inner_text())


def app(world: SiteWorld) -> Starlette:
    sending: set[asyncio.Task[None]] = set()

    async def front(request: Request) -> Response:
        if "fails_with_503" in world.misbehaviours:
            return Response("down", 503)
        return HTMLResponse(
            "<form method=post action=sign-in><label>Email <input name=email></label>"
            "<label>Password <input type=password name=password></label><button>Login</button></form>"
        )

    async def sign_in(request: Request) -> Response:
        form = await request.form()
        account = world.accounts[str(form["email"])]
        right = form["password"] == account.password
        accepted = right and "refuses_password" not in world.misbehaviours
        world.journal.add("sign_in", username=account.username, accepted=accepted, right=right)
        if not accepted:
            return HTMLResponse("<p role=alert>Wrong password</p>")
        return HTMLResponse(
            "<h1>Reports</h1><form method=post action=report>"
            f"<input type=hidden name=email value='{account.username}'>"
            "<label>From <input type=date name=first></label><label>To <input type=date name=last></label>"
            "<button>Generate</button></form>"
        )

    async def report(request: Request) -> Response:
        form = await request.form()
        account = world.accounts[str(form["email"])]
        first, last = date.fromisoformat(str(form["first"])), date.fromisoformat(str(form["last"]))
        text, rows = csv_of(world, account, first, last)
        world.journal.add("report_requested", username=account.username, first=str(first), last=str(last))
        if "never_mails" not in world.misbehaviours:
            task = asyncio.create_task(send(account, text))
            sending.add(task)
            task.add_done_callback(sending.discard)
        return HTMLResponse(f"<p role=status>The report will be emailed to you</p><p data-testid=rows>{rows}</p>")

    async def send(account: SiteAccount, text: str) -> None:
        while "mails_late" in world.misbehaviours:  # noqa: ASYNC110 - switched in the test's thread
            await asyncio.sleep(0.05)
        if "mails_html_page" in world.misbehaviours:
            text = "<!doctype html><html><body>Internal error</body></html>"
        await world.send("reports@activix.ca", account.username, _mail(account, text, world.now()))
        world.journal.add("report_mailed", username=account.username)

    return Starlette(
        routes=[
            Route("/", front),
            Route("/sign-in", sign_in, methods=["POST"]),
            Route("/report", report, methods=["POST"]),
        ]
    )


def csv_of(world: SiteWorld | EmulatedWorld, account: SiteAccount, first: date, last: date) -> tuple[str, int]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    rows = 0
    for lead in world.leads_of(account.dealership, account.zone):
        if "empty_month" not in world.misbehaviours and first <= lead.created.date() <= last:
            rows += 1
            writer.writerow(
                (
                    f"{lead.created:%Y-%m-%d %H:%M}",
                    *(lead.source, lead.first_name, lead.last_name, lead.street),
                    *(lead.city, lead.province, lead.postal_code, lead.email),
                )
            )
    return out.getvalue(), rows


def _mail(account: SiteAccount, text: str, now: datetime) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "reports@activix.ca", account.username, "Your report"
    mail["Date"], mail["Message-ID"] = format_datetime(now), make_msgid(domain="mail.activix.ca")
    mail.set_content("Your report is attached.")
    mail.add_attachment(text.encode(), maintype="text", subtype="csv", filename="report.csv")
    return mail
