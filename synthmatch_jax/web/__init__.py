"""The page on which sounds are matched: a visit, the page that shows it, and its server."""

import os

# Read when gradio is imported, which otherwise tells its makers that it was.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
