"""One pass in a process of its own, killed at a named step: `python crashing_collector.py PORT FOLDER STEP`."""

import os
import signal
import sys
from pathlib import Path

from sqlalchemy import create_engine

from report_mailbox import Acceptance, Collector, Mailbox


def main(port: int, folder: Path, deadly_step: str) -> None:
    def die_at(step: str) -> None:
        if step == deadly_step:
            os.kill(os.getpid(), signal.SIGKILL)

    def accept(expectation_id: str, file: Path) -> Acceptance:
        die_at("accept")
        fits = "LEDGER" not in os.environ or expectation_id.split()[-1].encode() in file.read_bytes()
        return Acceptance.fits() if fits else Acceptance.other("it is of another month")

    mailbox = Mailbox("127.0.0.1", port, "datateam@example.com", lambda: os.environ["MAILBOX_PASSWORD"], "none")
    engine = create_engine(os.environ.get("LEDGER") or f"sqlite:///{folder}/ledger.sqlite")
    Collector(mailbox, engine, folder / "mail", accept, on_step=die_at).collect_once()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
