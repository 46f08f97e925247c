# syntax=docker/dockerfile:1
# Spine CDS: non-root, read-only root file system (only /tmp is written), dependencies by hash.
# Build:  docker build --build-arg COMMIT="$(git rev-parse HEAD)" -t spine-cds .

FROM python:3.12-slim-bookworm AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/spine-cds
COPY requirements.lock ./
RUN /opt/spine-cds/bin/python -m pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY cds_service ./cds_service
RUN /opt/spine-cds/bin/python -m pip install --no-deps . && \
    /opt/spine-cds/bin/python -m pip uninstall --yes pip

FROM python:3.12-slim-bookworm
ARG COMMIT=unknown
RUN groupadd --system --gid 10001 spine && \
    useradd --system --uid 10001 --gid spine --no-create-home --shell /usr/sbin/nologin spine
COPY --from=build /opt/spine-cds /opt/spine-cds
COPY cards /opt/cards
ENV PATH=/opt/spine-cds/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SPINE_CDS_COMMIT=$COMMIT \
    SPINE_CDS_CARDS=/opt/cards \
    SPINE_CDS_MODE=production \
    SPINE_CDS_HOST=0.0.0.0 \
    SPINE_CDS_PORT=8000
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Alive, not ready: a store that is down must not get a service restarted that still gives cards.
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['SPINE_CDS_PORT']}/alive\", timeout=2)"]
ENTRYPOINT ["spine-cds"]
CMD ["serve"]
