"""The entry that ``panel serve dashboard`` runs."""

import panel as pn

from dashboard.page import page

pn.extension()

page({key: values[-1].decode(errors="replace") for key, values in pn.state.session_args.items()}).servable()
