# The page and the API of `digitcnn serve`: docker build -t digitcnn . && docker run -p 8000:8000 digitcnn
# It prints the token that every call needs; give one with -e DIGITCNN_TOKEN=...
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE THIRD_PARTY_LICENSES.txt constraints.txt ./
COPY src src
RUN python -m venv /opt/digitcnn \
    && /opt/digitcnn/bin/pip install --no-cache-dir --no-compile -c constraints.txt ".[serve,pdf]" \
    # What only training needs: answers are given without it.
    && /opt/digitcnn/bin/pip uninstall --yes tensorflow keras tensorboard

FROM python:3.13-slim
LABEL org.opencontainers.image.title="digitcnn" \
      org.opencontainers.image.licenses="BSD-3-Clause AND CC-BY-SA-3.0"
RUN useradd --system --no-create-home --shell /usr/sbin/nologin digitcnn
COPY --from=build /opt/digitcnn /opt/digitcnn
ENV PATH=/opt/digitcnn/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER digitcnn
WORKDIR /
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["digitcnn", "serve", "--host", "0.0.0.0", "--port", "8000"]
