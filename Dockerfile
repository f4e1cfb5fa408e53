# The page (docs/app.md). The image holds vita and is therefore passed on under the GPL-3.
FROM python:3.11-slim-bookworm AS build
COPY . /source
RUN python -m venv /venv \
  && /venv/bin/pip install --no-cache-dir -c /source/constraints.txt "/source[app,formats]" \
  && /venv/bin/pip uninstall --yes pip

FROM python:3.11-slim-bookworm
COPY --from=build /venv /venv
# Nothing is written but to /tmp; compiled code stays there from sound to sound.
ENV PATH=/venv/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/', timeout=4)"]
ENTRYPOINT ["synthmatch", "app", "--host=0.0.0.0"]
