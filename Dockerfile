# docker build -t tams-mock .
# docker run --rm -p 127.0.0.1:8080:8080 -e TAMS_MOCK_CONTROL_TOKEN=choose-one tams-mock
#
# Inside a container, the mock must listen beyond loopback to be reachable. It cannot know who can
# reach it there, so /_mock needs the control token: Authorization: Bearer choose-one.
FROM python:3.13-slim AS build
WORKDIR /app
RUN python -m venv venv
COPY requirements.lock .
RUN venv/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY mock_server mock_server
COPY contract_tests contract_tests
COPY fixtures/openapi fixtures/openapi
RUN venv/bin/pip install --no-cache-dir --no-deps --no-index --no-build-isolation .

FROM python:3.13-slim
RUN useradd --create-home mock
COPY --from=build /app/venv /app/venv
ENV PATH=/app/venv/bin:$PATH TAMS_MOCK_HOST=0.0.0.0
USER mock
WORKDIR /home/mock
EXPOSE 8080
# Choose another port with TAMS_MOCK_PORT, which both commands read.
HEALTHCHECK --interval=10s --timeout=10s --start-period=10s CMD ["tams-mock", "health"]
ENTRYPOINT ["tams-mock"]
CMD ["serve"]
