"""The views, one file a tab; a new one is a class like these and one line here."""

from dashboard.views.dimension import Dimension
from dashboard.views.images import Images
from dashboard.views.manifolds import Manifolds
from dashboard.views.training import Training

__all__ = ["VIEWS"]

VIEWS = {view.name: view for view in (Manifolds, Images, Dimension, Training)}
