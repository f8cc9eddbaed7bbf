"""Local intrinsic dimension: of every point (`local_id`), and of mixed sets over gamma (`curve`).

>>> import torch
>>> from zmix_core.dimension import local_id
>>> local_id(torch.rand(300, 3)[:, :2], 8).count.shape
torch.Size([300])
"""

from zmix_core.id_curve import GAMMAS, KS, Curve, Level, Sweep, curve
from zmix_core.local_dimension import LocalID, estimate, local_id

__all__ = ["GAMMAS", "KS", "Curve", "Level", "LocalID", "Sweep", "curve", "estimate", "local_id"]
