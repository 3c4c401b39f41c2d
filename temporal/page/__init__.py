"""A report as one HTML file that needs nothing else: to be opened, looked at and passed on."""
