"""A frame in, instances out: the YOLACT model, its training, evaluation and weights."""
