"""DBOS, the workflow engine, set up for commands that several terminals may run on one home at the same time.

Facts of DBOS 3.4 that this rests on: at its launch a process takes back the pending workflows of its own executor id
and application version, and any process may take what lies on DBOS's internal queue, whatever it listens to. So each
process has an executor id of its own (nothing is taken back by itself), nothing of ours is ever put on the internal
queue, and a dead process's workflow is resumed onto a queue that this process alone listens to. That its process is
dead is known by the account's lock, which whoever resumes must hold.
"""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from dbos import DBOS, DBOSConfig, WorkflowHandleAsync

from export_robots.telemetry import with_traces

APPLICATION = "export-robots"
APPLICATION_VERSION = "export-1"
"""The shape of the workflow: raised only when runs that are under way could not go on with changed steps."""

# A mail that has come should wake its run at once. The wait costs one small query per interval, on SQLite only.
NOTICE_SECONDS = 0.05
QUEUE_SECONDS = 0.1


def executor_name() -> str:
    """Another one for each process that ever was."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


@asynccontextmanager
async def engine(
    database_url: str, *, executor: str | None = None, queues: Sequence[str] = (), notices: float = NOTICE_SECONDS
) -> AsyncIterator["Engine"]:
    """The engine runs on the present loop, once per process.

    `queues` are those that this process takes work from, `notices` the seconds between looks for what wakes a run.
    """
    _quiet()
    name = executor or executor_name()
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": database_url,
        "application_version": APPLICATION_VERSION,
        "executor_id": name,
        "notification_listener_polling_interval_sec": notices,
    }
    DBOS(config=with_traces(config))
    own_queue = f"resumed-by-{name}"
    DBOS.listen_queues([own_queue, *queues])
    DBOS.launch()
    made = Engine(own_queue)
    try:
        yield made
    finally:
        await made.close()
        await asyncio.to_thread(DBOS.destroy)
        # DBOS has put its own threads in the place of the loop's, and has just ended them.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())


class Engine:
    def __init__(self, queue: str) -> None:
        self._queue = queue
        self._registered = False

    async def unfinished(self, run: str) -> bool:
        """Whether the run began and neither ended nor failed; with its account's lock held, its process is dead."""
        status = await DBOS.get_workflow_status_async(run)
        return status is not None and status.status in ("PENDING", "ENQUEUED")

    async def resume(self, run: str) -> WorkflowHandleAsync[str]:
        if not self._registered:
            await DBOS.register_queue_async(self._queue, polling_interval_sec=QUEUE_SECONDS)
            self._registered = True
        return await DBOS.resume_workflow_async(run, queue_name=self._queue)

    async def close(self) -> None:
        if self._registered:
            await DBOS.delete_queue_async(self._queue)


def _quiet() -> None:
    """Keep DBOS's log off the screen: it would tear the progress apart. ROBOT_DEBUG shows it."""
    log = logging.getLogger("dbos")
    if not log.handlers:  # else DBOS would add its own
        log.addHandler(logging.StreamHandler() if os.environ.get("ROBOT_DEBUG") else logging.NullHandler())
        log.propagate = False
