"""Charts: pure functions from tables to Altair, colour-blind safe, without a figure of their own."""
