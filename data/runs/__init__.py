"""The run folder: its names, its layout, its manifest, who may write it, and how it is read."""
