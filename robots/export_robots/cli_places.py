"""Where a command finds its configuration and keeps what it writes."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export_robots.home import Home
    from export_robots.settings import Settings


@dataclass
class Places:
    """`--config` and `--home` as given; `evidence` is known once the home has been prepared."""

    config: Path | None = None
    home: Path | None = None
    evidence: Path | None = None

    def settings(self) -> "Settings":
        from export_robots.settings import load_settings

        return load_settings(self.config, self.home)

    def prepared(self) -> "tuple[Settings, Home]":
        """The settings, and the home ready to be written to."""
        from export_robots.home import prepare_home

        settings = self.settings()
        home = prepare_home(settings.home)
        self.evidence = home.evidence
        return settings, home
