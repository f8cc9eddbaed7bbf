"""Small browser parts, each a Python class beside its script."""

from dashboard.components.action import Action
from dashboard.components.address import Address
from dashboard.components.board import Board
from dashboard.components.chart import Chart
from dashboard.components.chips import Chips
from dashboard.components.choice import Choice
from dashboard.components.classes import Classes
from dashboard.components.dial import Dial
from dashboard.components.entry import Entry
from dashboard.components.findings import Findings
from dashboard.components.meter import Meter
from dashboard.components.mosaic import Mosaic
from dashboard.components.notice import Notice
from dashboard.components.recipe_card import RecipeCard
from dashboard.components.scatter import Scatter
from dashboard.components.share import Share
from dashboard.components.strip import Strip
from dashboard.components.upload import Upload

__all__ = [
    "Action",
    "Address",
    "Board",
    "Chart",
    "Chips",
    "Choice",
    "Classes",
    "Dial",
    "Entry",
    "Findings",
    "Meter",
    "Mosaic",
    "Notice",
    "RecipeCard",
    "Scatter",
    "Share",
    "Strip",
    "Upload",
]
