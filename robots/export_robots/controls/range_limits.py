"""A site that takes no long range of dates: it refuses one with a message, or cuts it off."""

from export_robots.outcomes import SiteChanged


class RangeLimited(SiteChanged):
    """The site takes no range of dates as long as this one; each of its months may be asked for by itself."""

    remedy = "Ask for each month by itself: the same command with one month as its period."
