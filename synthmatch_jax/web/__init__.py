"""The page on which sounds are matched: a visit, the page that shows it, and its server."""

import os

# Without this, gradio tells its makers that it is used.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
