"""YOLACT and YOLACT++ as a model family; the network itself is what the room around it holds."""
