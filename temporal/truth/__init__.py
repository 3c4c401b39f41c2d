"""What masks are worth against a ground truth, measured frame by frame."""
