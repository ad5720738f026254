"""`robot serve` whose exports are pauses: everything is real but the CRM, the mailbox and the portal.

Run by `scripts/bench/queued.py` and `scripts/soak.py`: `pausing_worker.py CONFIG HOME [DATABASE]`.
"""

import asyncio
import signal
import sys
from pathlib import Path

from export_robots import clock
from export_robots.home import prepare_home
from export_robots.robot import ReportRequest
from export_robots.runs import asking, finishing, machines, posting, queues, rounds, serving, workflow
from export_robots.runs.database import database_url
from export_robots.runs.ledger import period_of
from export_robots.runs.tables import State
from export_robots.runs.workplace import Workplace, current
from export_robots.settings import load_settings

PAUSE = 0.05  # seconds, twice in each export


class NoBrowser:
    async def close(self) -> None:
        pass


async def ask(delivery: str, run: str) -> None:
    ledger = current().ledger
    row = ledger.delivery(delivery)
    number = ledger.intend_request(delivery, row.attempt)
    await asyncio.sleep(PAUSE)
    now, period = clock.now(), period_of(row)
    request = ReportRequest(now, None, period.first, period.last, 1, False, "accepted", {})
    ledger.end_request(number, request, now + current().account_of(row).report_deadline)
    file = ledger.add_file(delivery, source="download", path="/nowhere", sha256=delivery)
    ledger.update_file(file.id, path="/nowhere", name="report.csv", sha256=delivery)


async def upload(delivery: str, run: str) -> None:
    work = current()
    ledger = work.ledger
    row, file, earlier = ledger.delivery(delivery), ledger.file(delivery), ledger.last_upload(delivery)
    assert file
    if earlier and earlier.answer == "confirmed":
        return
    await work.require_ours(row)
    number = earlier.id if earlier else ledger.intend_upload(delivery, file)
    await asyncio.sleep(PAUSE)
    received = work.settings.home.parent / "portal" / delivery.replace("/", "_")
    if earlier is None or not received.exists():  # a person's part, who looks whether the portal has it
        with received.open("a") as lines:
            lines.write(f"{run}\n")
    ledger.answer_upload(number, "confirmed", "thanks")


def close(delivery: str, run: str, state: str) -> None:
    current().ledger.close(delivery, State(state), "export")


async def nothing(*args: object) -> None:
    pass


def as_pauses() -> None:
    asking.ask = ask
    posting.upload = upload
    finishing.check = finishing.name = lambda *args: None  # type: ignore[assignment]
    finishing.is_empty = lambda delivery: False
    finishing.remarks = lambda delivery: ((), None)
    finishing.close = close
    workflow.keep_traceback = lambda *args: None  # type: ignore[attr-defined]
    Workplace.open_mailbox = nothing  # type: ignore[method-assign,assignment]
    rounds.expect_subscribed = nothing  # type: ignore[assignment,attr-defined]
    queues.POLL_SECONDS, queues.EACH_MINUTE = 0.2, "*/2 * * * * *"
    from datetime import timedelta

    machines.HEARTBEAT, machines.DEAD_AFTER = timedelta(seconds=1), timedelta(seconds=4)


async def main(config: str, home: str, database: str | None) -> None:
    settings = load_settings(Path(config), Path(home))
    if database:
        settings = settings.with_database(database)
    where = prepare_home(Path(home))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serving.serve(
        settings,
        where,
        database_url(settings, where),
        browser=NoBrowser(),  # type: ignore[arg-type]
        progress=Quiet(),
        stop=stop,
    )


class Quiet:
    def started(self, step: str) -> None:
        pass

    def finished(self, step: str, seconds: float) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


if __name__ == "__main__":
    as_pauses()
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
