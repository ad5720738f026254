"""Parts of a long page, known by their headings, that may not exist before they are scrolled to."""

from export_robots.controls.screen import Screen, Thing
from export_robots.controls.words import Words


async def find_section(screen: Screen, heading: Words, after: Words) -> list[Thing]:
    """Scroll to the section headed `heading`, which stands below the one headed `after`; returns what belongs to it."""

    async def scroll_to_it() -> list[Thing] | None:
        found = await _heading(screen, heading, after)
        if found is None:
            if not await screen.look("scrollOn"):
                await screen.settled(seconds=0.5)
            return None
        await screen.look("scrollTo", found)
        section: list[Thing] = await screen.look("section", found, await screen.look("headings", after.folded))
        return section if await screen.look("icons", section) else None

    await screen.settled()
    return await screen.until(f"the section {heading} below {after}", scroll_to_it)


async def _heading(screen: Screen, heading: Words, after: Words) -> Thing | None:
    found = await screen.look("headings", heading.folded)
    others = await screen.look("headings", after.folded)
    below = await screen.look("below", found, others)
    return below[0] if below else None
