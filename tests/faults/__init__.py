"""Faults on purpose: what runs leave when they are killed, run out of space or get broken files."""
