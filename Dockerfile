# All functions in one image, for Cloud Run instead of Cloud Functions: FUNCTION_TARGET says which one a service serves.
#
#   docker build --tag poolwright .
#   docker run --rm --env FUNCTION_TARGET=tick --env POOLWRIGHT_PROJECT=acme-gpu --publish 8080:8080 poolwright
#
# It holds what the deployment archive holds, and what requirements.txt installs.

# Python as Terraform's functions have it.
ARG BASE=docker.io/library/python:3.12.14-slim-trixie@sha256:2f17fc044b579bab302c2e8054d3a686e2cb9a83de48e70534b94cd8ebbe06a9

FROM ${BASE} AS build
WORKDIR /build
COPY requirements.txt ./
RUN ["python3", "-m", "venv", "/opt/poolwright"]
RUN ["/opt/poolwright/bin/pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--requirement", "requirements.txt"]
COPY tools/package.py tools/
COPY cloudbuild cloudbuild
COPY environments environments
COPY functions functions
COPY shared shared
ENV PYTHONPATH=shared
RUN ["/opt/poolwright/bin/python", "tools/package.py", "functions.zip"]
RUN ["python3", "-m", "zipfile", "--extract", "functions.zip", "/srv/poolwright"]
# Nobody may write here later, so it is compiled now; a cold start pays for nothing twice.
RUN ["/opt/poolwright/bin/python", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "/srv/poolwright"]

FROM ${BASE}
COPY --from=build /opt/poolwright /opt/poolwright
COPY --from=build /srv/poolwright /srv/poolwright
WORKDIR /srv/poolwright
ENV PATH=/opt/poolwright/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONUNBUFFERED=1 \
    FUNCTION_SOURCE=/srv/poolwright/main.py PORT=8080
USER 65532:65532
EXPOSE 8080
# https://github.com/GoogleCloudPlatform/functions-framework-python#configure-the-functions-framework
CMD ["functions-framework"]
