"""Small browser parts, each a Python class beside its script."""

from dashboard.components.address import Address
from dashboard.components.dial import Dial
from dashboard.components.mosaic import Mosaic
from dashboard.components.notice import Notice
from dashboard.components.recipe_card import RecipeCard
from dashboard.components.scatter import Scatter
from dashboard.components.share import Share
from dashboard.components.strip import Strip

__all__ = ["Address", "Dial", "Mosaic", "Notice", "RecipeCard", "Scatter", "Share", "Strip"]
