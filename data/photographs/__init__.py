"""Public-domain photographs that the demo films; credits in CREDITS.md."""
