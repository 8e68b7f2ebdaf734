# docker build -t tams-mock .                       what the mock needs
# docker build -t tams-mock:full --target full .    with videos, fonts and tams-contract, too
# docker run --rm -p 127.0.0.1:8080:8080 -e TAMS_MOCK_CONTROL_TOKEN=choose-one tams-mock
#
# Inside a container, the mock must listen beyond loopback to be reachable. It cannot know who can
# reach it there, so /_mock needs the control token: Authorization: Bearer choose-one.

# The digest is that of the index, which has amd64 and arm64. It is what public repositories name
# for this tag; `docker buildx imagetools inspect python:3.13-slim-trixie` prints a newer one.
ARG PYTHON=python:3.13.15-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285

FROM ${PYTHON} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_ONLY_BINARY=:all: PIP_REQUIRE_HASHES=1
WORKDIR /build

FROM tools AS wheel
COPY requirements-build.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv tools && tools/bin/pip install -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY mock_server mock_server
COPY contract_tests contract_tests
COPY fixtures/openapi fixtures/openapi
RUN tools/bin/python -m hatchling build --target wheel

FROM tools AS base-packages
RUN python -m venv --without-pip /opt/tams-mock
COPY requirements-base.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python /opt/tams-mock/bin/python install -r requirements-base.lock
COPY --from=wheel /build/dist dist
RUN PIP_REQUIRE_HASHES=0 \
    python -m pip --python /opt/tams-mock/bin/python install --no-deps --no-index dist/*.whl

FROM base-packages AS full-packages
COPY requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python /opt/tams-mock/bin/python install -r requirements.lock

FROM ${PYTHON} AS runtime
LABEL org.opencontainers.image.title="tams-mock" \
    org.opencontainers.image.description="A mock of the Tensor.Art Model Service and the AI Creation Workshop" \
    org.opencontainers.image.licenses="MIT"
# No program may raise its rights, so that no-new-privileges changes nothing.
RUN useradd --uid 10001 --no-log-init --home-dir /var/lib/tams-mock --create-home mock \
    && mkdir /etc/tams-mock \
    && find / -xdev -type f -perm /6000 -exec chmod ug-s {} +
ENV PATH=/opt/tams-mock/bin:$PATH PYTHONDONTWRITEBYTECODE=1 \
    TAMS_MOCK_HOST=0.0.0.0 TAMS_MOCK_STATE_DIR=/var/lib/tams-mock \
    TAMS_MOCK_SEEDS_DIR=/etc/tams-mock
USER 10001:10001
WORKDIR /var/lib/tams-mock
EXPOSE 8080
# Choose another port with TAMS_MOCK_PORT, which both commands read.
HEALTHCHECK --interval=10s --timeout=10s --start-period=10s CMD ["tams-mock", "health"]
ENTRYPOINT ["tams-mock"]
CMD ["serve"]

FROM runtime AS full
COPY --from=full-packages /opt/tams-mock /opt/tams-mock

FROM runtime AS base
COPY --from=base-packages /opt/tams-mock /opt/tams-mock
