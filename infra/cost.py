#!/usr/bin/env python3
"""What a million calls cost on AWS, and what is paid without any: `infra/cost.py --help`. docs/cost.md tells what the
lines are, and shows the output."""

import argparse

# Dollars in us-east-1; per million unless it says otherwise.
HTTP_API = 1.00
LAMBDA_REQUEST = 0.20
LAMBDA_GB_SECOND = 13.3334
SQS_REQUEST = 0.40
# More, where several tenants share the queue: no DefaultTenant is set.
FAIR_QUEUE = 0.10
WRITE_UNIT = 0.625
READ_UNIT = 0.125
S3_PUT = 5.00
TRACE = 5.00
LOG_GB = 0.50
# With what it takes to restore any moment of the last 35 days.
TABLE_GB_MONTH = 0.25 + 0.20
ARCHIVE_GB_MONTH = 0.023

# What a call takes, whose events come one by one. functions/call-ingestor/tests/it/budget.rs measures the units.
WRITES = 6
READS = 3
# Milliseconds and gigabytes.
RECEIVER_MS, RECEIVER_GB = 5, 0.25
INGESTOR_MS, INGESTOR_MS_EACH, INGESTOR_GB = 20, 5, 0.5
# Bytes: lines of the gateway and of the receiver and two that count the delivery, as accepted and by what became of it;
# an interaction with its indexes; a raw delivery.
LOGGED, STORED, ARCHIVED = 900, 2_500, 1_200
# X-Ray keeps the first trace of each second, and of the others this share.
SAMPLED = 0.05
# A poller asks for no more messages at once.
ASKED = 10
# Counting hours anew, with a few tenants.
ROLLUPS = 0.40
# attribution-scheduler runs each minute of a month. It reads three lists over all tenants, in eight parts each; a
# strongly consistent read that finds next to nothing is a unit.
TICKS = 365 / 12 * 24 * 60
TICK_READS, TICK_MS, TICK_GB = 3 * 8, 100, 0.25


def lines(events, together, many_tenants):
    """Dollars per million calls, of so many deliveries each, of which so many are taken in together."""
    batches = events / together
    requests = 2 * events / min(together, ASKED)
    # Objects hold what came within one second of the clock, and most batches reach into a second one.
    objects = batches * min(together, 2)
    traced = (1 + SAMPLED * (together - 1)) / together
    ingestor_gb_seconds = (batches * INGESTOR_MS + events * INGESTOR_MS_EACH) / 1_000 * INGESTOR_GB
    return {
        "API Gateway": events * HTTP_API,
        "webhook-receiver": events * (LAMBDA_REQUEST + RECEIVER_MS / 1_000 * RECEIVER_GB * LAMBDA_GB_SECOND),
        "queue: sending": events * (SQS_REQUEST + (FAIR_QUEUE if many_tenants else 0)),
        "queue: receiving and deleting": requests * SQS_REQUEST,
        "call-ingestor": batches * LAMBDA_REQUEST + ingestor_gb_seconds * LAMBDA_GB_SECOND,
        "table": WRITES * WRITE_UNIT + READS * READ_UNIT,
        "archive": objects * S3_PUT,
        "rollups": ROLLUPS,
        "**the path of a call**": None,
        "logs": events * LOGGED / 1_000 * LOG_GB,
        "traces": events * traced * TRACE,
        "**with logs and traces**": None,
        "storage, each month kept": STORED / 1_000 * TABLE_GB_MONTH + events * ARCHIVED / 1_000 * ARCHIVE_GB_MONTH,
    }


def scheduler():
    """Dollars a month, whatever happens. Its traces are all the first of their second."""
    millions = TICKS / 1_000_000
    return {
        "reads": millions * TICK_READS * READ_UNIT,
        "function": millions * (LAMBDA_REQUEST + TICK_MS / 1_000 * TICK_GB * LAMBDA_GB_SECOND),
        "traces": millions * TRACE,
    }


def main():
    parser = argparse.ArgumentParser(description="Prints what a million calls cost, and an idle month, in dollars.")
    parser.add_argument("--deliveries", type=float, default=4, help="that a provider sends per call (default 4)")
    parser.add_argument("--together", type=float, nargs="+", default=[1, 2, 10, 50, 100], help="deliveries of a tenant in a batch")
    parser.add_argument("--many-tenants", action="store_true", help="an install that sets no DefaultTenant")
    wanted = parser.parse_args()
    columns = [lines(wanted.deliveries, together, wanted.many_tenants) for together in wanted.together]
    print("| deliveries in a batch | " + " | ".join(f"{together:g}" for together in wanted.together) + " |")
    print("| --- |" + " ---: |" * len(columns))
    sums = [0.0] * len(columns)
    for name in columns[0]:
        row = [column[name] for column in columns]
        if row[0] is None:
            row = [f"**{total:.2f}**" for total in sums]
        else:
            sums = [total + dollars for total, dollars in zip(sums, row)]
            row = [f"{dollars:.2f}" for dollars in row]
        print(f"| {name} | " + " | ".join(row) + " |")
    each_month = ", ".join(f"{name} {dollars:.2f}" for name, dollars in scheduler().items())
    print(f"\nattribution-scheduler, each month: {each_month}")


if __name__ == "__main__":
    main()
