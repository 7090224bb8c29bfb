# The service in an image: what requirements.run.lock names, by its hashes, then the project. docker-compose.yml runs it.
FROM python:3.11.13-slim-bookworm AS parts
WORKDIR /srv/jiafang
COPY requirements.run.lock ./
RUN python -m venv .venv && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes --no-deps --only-binary :all: -r requirements.run.lock
COPY pyproject.toml README.md ./
COPY alembic alembic
COPY api api
RUN .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -e . && \
    .venv/bin/python -m compileall -q api

FROM python:3.11.13-slim-bookworm
# A number, so that a cluster can see that it is not root
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin jiafang && \
    install -d -o 10001 -g 10001 -m 0700 /var/lib/jiafang /backups
COPY --from=parts /srv/jiafang /srv/jiafang
WORKDIR /srv/jiafang
ENV PATH=/srv/jiafang/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 \
    JIAFANG_HOST=0.0.0.0 JIAFANG_PORT=8000 JIAFANG_VAR=/var/lib/jiafang JIAFANG_SECRETS_DIR=/run/secrets
USER 10001:10001
VOLUME ["/var/lib/jiafang", "/backups"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
CMD ["jiafang", "serve"]
