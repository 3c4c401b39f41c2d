"""The Python interface: what `import yolact_temporal` offers, each a thin call of what the commands call."""
