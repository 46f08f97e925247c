"""Spine CDS: a CDS Hooks service for rehabilitation after spine surgery. Start reading at respond.py."""

__version__ = "0.1.0"
