"""A CRM of one page and its robot, for what is tested around a robot: an export takes a second instead of ten.

The page knows nothing but a sign-in, a request, and saved reports that it mails each month, so nothing here says
anything about Activix. Some of the emulated world's misbehaviours are known by the same names; `mails_late` holds mail
back until it is switched off.
"""

from datetime import datetime

from export_robots import clock
from export_robots.outcomes import CodeNeeded, PermissionMissing, SignInRefused, SiteChanged
from export_robots.periods import Period
from export_robots.robot import (
    AccountNeeds,
    AccountShown,
    CrmRobot,
    Delivery,
    Foundation,
    RangeLimited,
    ReportRequest,
    SavedReport,
    SavedReportMissing,
    SubscriptionPlan,
)
from tests.runs.quick_site import app, csv_of

__all__ = ["QuickCrm", "app", "csv_of"]


class QuickCrm(CrmRobot):
    key = "activix"
    label = "Activix CRM"
    url = "http://127.0.0.1/"
    delivery = Delivery.MAILED
    foundation = Foundation.DOCUMENTED
    source = "tests/runs/quick_crm.py"
    report_senders = ("activix.ca",)
    account_needs = AccountNeeds("Manager", "Sales Director", "Generate Report", "support@activix.ca")

    async def sign_in(self) -> None:
        async with self.visit.step("sign in"):
            page = self.visit.page
            await self.visit.goto(self.visit.url)
            refusal, menu = page.get_by_role("alert"), page.get_by_role("heading", name="Reports")
            form = page.get_by_label("Email")
            await form.or_(menu).wait_for()
            if await menu.is_visible():
                assert await page.get_by_test_id("account").inner_text() == self.visit.login.username
                return
            await form.fill(self.visit.login.username)
            await self.visit.type_password(page.get_by_label("Password"))
            await page.get_by_role("button", name="Login").click()
            code = page.get_by_label("Code from your phone")
            await refusal.or_(menu).or_(code).wait_for()
            if await refusal.is_visible():
                raise SignInRefused("the CRM said “Wrong password”")
            if await code.is_visible():
                told = await self.visit.codes.told("the CRM sent a code to a phone")
                if told is None:
                    raise CodeNeeded("the CRM sent a code to a phone")
                await self.visit.type_code(code, told)
                await page.get_by_role("button", name="Verify").click()
                await refusal.or_(menu).wait_for()
                if await refusal.is_visible():
                    raise CodeNeeded("the CRM said “Wrong code”")

    async def request_report(self, period: Period) -> ReportRequest:
        return await self._request("", period)

    async def rerun(self, title: str, period: Period, last_month: bool, date_field: str = "") -> ReportRequest:
        async with self.visit.step("open the saved report"):
            if not await self.visit.page.get_by_role("listitem").filter(has_text=title).count():
                raise SavedReportMissing(f"there is no saved report “{title}”")
        return await self._request(title, period)

    async def subscribe(self, plan: SubscriptionPlan) -> SavedReport:
        page = self.visit.page
        async with self.visit.step("save the report"):
            there = await page.get_by_role("listitem").filter(has_text=plan.title).count()
            await page.get_by_label("Title").fill(plan.title)
            await page.get_by_label("Execution").fill(plan.first_execution.isoformat(timespec="minutes"))
            await page.get_by_role("button", name="Save").click()
            await page.get_by_role("listitem").filter(has_text=plan.title).wait_for()
            shown = await page.get_by_role("listitem").filter(has_text=plan.title).get_by_role("time").inner_text()
        return SavedReport(
            title=plan.title,
            date_range="Last Month",
            frequency="Monthly",
            export_type="CSV",
            first_execution=datetime.fromisoformat(shown),
            date_field=plan.date_field or "Creation Date",
            hidden_column="Date of Birth",
            how="as it was" if there else "made",
            read_back={"title": plan.title, "first execution": shown},
            notes=(),
        )

    async def look_at_account(self) -> AccountShown:
        async with self.visit.step("look at the account"):
            page = self.visit.page
            role = await page.get_by_test_id("role").inner_text()
            title = await page.get_by_test_id("title").inner_text()
            offered = await page.get_by_role("button", name="Generate").count() > 0
            return AccountShown(role, title, role == "Manager", title == "Sales Director", offered)

    async def _request(self, view: str, period: Period) -> ReportRequest:
        async with self.visit.step("generate the report"):
            page = self.visit.page
            if await page.get_by_role("button", name="Make").count():
                raise SiteChanged("there is no button “Generate”")
            if not await page.get_by_role("button", name="Generate").count():
                raise PermissionMissing("the CRM does not offer Generate Report to this account")
            await page.get_by_label("View").fill(view)
            await page.get_by_label("From").fill(period.first.isoformat())
            await page.get_by_label("To", exact=True).fill(period.last.isoformat())
            asked_at = clock.now()
            await page.get_by_role("button", name="Generate").click()
            said, refused = page.get_by_role("status"), page.get_by_role("alert")
            await said.or_(refused).wait_for()
            if await refused.is_visible():
                raise RangeLimited(f"the CRM said “{await refused.inner_text()}”")
            rows = int(await page.get_by_test_id("rows").inner_text())
            text = await said.inner_text()
            return ReportRequest(asked_at, None, period.first, period.last, rows, rows == 0, text, {"view": view})
