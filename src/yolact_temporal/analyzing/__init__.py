"""The main path: a clip in, a run folder out."""
