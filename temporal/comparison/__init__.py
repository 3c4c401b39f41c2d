"""Is one model steadier than another: a universe of objects, common support, losses, statistics, verdict."""
