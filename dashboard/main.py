"""The entry that ``panel serve dashboard`` runs."""

import logging

import panel as pn
from bokeh.settings import settings

from dashboard.page import page

pn.extension()
# With every change Panel asks for attributes that are not there; Bokeh would look for similar names then.
settings.perform_error_diagnostics = False

query = {key: values[-1].decode(errors="replace") for key, values in pn.state.session_args.items()}
try:
    whole = page(query)
except Exception:
    # Panel's own page for errors would read what a link says as markup.
    logging.getLogger(__name__).exception("the page could not be opened with the link %r", query)
    whole = page({})
# Panel's own reading of the address fails at some links; nothing here needs it.
whole.servable(location=False)
