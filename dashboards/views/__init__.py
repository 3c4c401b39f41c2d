"""The dashboard's pages, one module each; each shows what the loader found and computes no figure."""
