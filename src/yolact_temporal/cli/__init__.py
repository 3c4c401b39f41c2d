"""The command line: one file a command, holding its arguments and what it does with them."""
