"""Frames in, masks out: frame sources, video writer, instances and their interchange formats, datasets."""
