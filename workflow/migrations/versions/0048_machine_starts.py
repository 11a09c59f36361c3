"""The clock of a machine that has just started is not believed yet (R119)."""

from workflow.migrations.widening import widen

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    widen("clock_hold", "fault", ("too_early", "too_late", "absence", "ahead", "back", "started"))
