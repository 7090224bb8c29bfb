"""What the passing of days does to residences: both sides of what waits are reminded, and who came home is forgotten."""

from api import road
from api.access import Access
from api.db import checkups
from api.db import residences as statements
from api.db.session import Tx
from api.decide import Op
from api.kinds import KINDS
from api.rules import residence as rule
from api.rules.caller import as_officer, command_line


async def as_days_go_by(access: Access, county_id: int) -> None:
    """What has waited for thirty days is marked once; nothing is decided. The day on which somebody meant to come home goes a month after
    it. What somebody changes at the same moment is left for the next hour."""
    townships = await access.database.fetch(checkups.TOWNSHIPS, county_id)
    keeper = as_officer(command_line(county_id, sorted({0, *(row["township_id"] for row in townships)})))
    today = access.today()

    async def work(tx: Tx) -> None:
        waits = await tx.fetch(statements.WAITS, county_id, today - rule.PATIENCE)
        came = await tx.fetch(statements.CAME_HOME, county_id, today - rule.AFTER_COMING_HOME)
        ops = [Op(KINDS[row["kind"]], row["id"], {"reminded_on": today}, row["rev"]) for row in waits]
        ops += [Op(KINDS["residence"], row["id"], {"comes_home_on": None}, row["rev"]) for row in came]
        if ops:
            await road.write(tx, keeper, ops, today=today, now=access.now())

    await access.database.write(keeper, work)
