"""What ``panel serve dashboard`` runs before it says that it is there: no visitor waits for the imports."""

import dashboard.page  # noqa: F401
