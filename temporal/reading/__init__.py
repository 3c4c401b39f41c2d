"""What a person reads first: what was seen, a row an object, the worst moments, and words for sizes."""
