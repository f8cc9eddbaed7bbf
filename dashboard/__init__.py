"""The zmix laboratory: ``panel serve dashboard``, or in a notebook ``from dashboard import explore``."""

from dashboard.notebook import explore

__all__ = ["explore"]
