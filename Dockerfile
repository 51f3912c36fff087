# crossvox without a GPU: docker build --tag crossvox .
# docs/install.md tells how it is run, and what it takes.

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:${PYTHON}-slim
# Both from one place: a torchvision of the usual kind does not load beside a CPU build of torch.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python -m pip install --no-cache-dir torch torchvision --index-url ${TORCH_INDEX}
ARG EXTRAS=captures
RUN --mount=type=bind,from=build,source=/wheel,target=/wheel \
    python -m pip install --no-cache-dir "$(echo /wheel/*.whl)[${EXTRAS}]"

# What is compiled and kept at the first call is kept here, for any user that it is run as.
ENV XDG_CACHE_HOME=/cache NUMBA_CACHE_DIR=/cache/numba MPLCONFIGDIR=/cache/matplotlib
RUN useradd --create-home crossvox && mkdir --mode 777 /cache /work
USER crossvox
WORKDIR /work
RUN crossvox models --check --quiet \
    && crossvox rooms /tmp/rooms --count 1 --frames 12 --width 160 --height 120 --quiet \
    && crossvox scan /tmp/rooms/scene0000_00 /tmp/room --width 160 --height 120 --quiet \
    && rm -r /tmp/rooms /tmp/room \
    && chmod -R a+rwX /cache
ENTRYPOINT ["crossvox"]
CMD ["--help"]
