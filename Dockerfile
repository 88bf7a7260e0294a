# One image for every process: api, worker, Beat, Flower and the migration differ in their command alone.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 DATA_DIR=/data
WORKDIR /app

# Before the sources, so that a change of these alone installs nothing.
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

RUN useradd --system --uid 10001 agensium && install -d -o agensium /data
COPY . .
# Whom the processes run as can't write here: compiling now spares it every start, that of each child too.
RUN python -m compileall -q .
USER agensium

EXPOSE 8000
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
