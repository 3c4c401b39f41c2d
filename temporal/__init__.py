"""Instances in, stability out: association, motion, metrics and their report tables."""
