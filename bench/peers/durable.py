"""DBOS: a durable workflow a row, of one transaction, enqueued in one batch and worked by its queue.

The transaction is recorded with the row's own writes, by DBOS's data source; its isolation is the lowest that it takes.
"""

import os

from dbos import DBOS, DBOSClient, SQLAlchemyDatasource
from sqlalchemy import create_engine

from bench.peers.effect import READ, REFERENCES, writes
from bench.peers.protocol import Order, next_word, read_order, say

POLLING_SECONDS = 0.02
NAME, QUEUE, WORKFLOW, VERSION = "oda-bench", "rows", "revoke", "1"


def launch(options: Order) -> None:
    """The application, its queue and its workflow, ready to work."""
    pool = min(options.concurrency + 10, 60)
    DBOS(config={
        "name": NAME, "system_database_url": options.url, "application_version": VERSION, "log_level": "ERROR",
        "executor_id": f"{options.number}-{os.getpid()}", "sys_db_pool_size": pool,
        "max_executor_threads": options.concurrency + 10,
    })  # fmt: skip
    source = SQLAlchemyDatasource.create(options.url, engine_kwargs={"pool_size": pool, "max_overflow": 0})

    @source.transaction(isolation_level="READ COMMITTED")
    def write(reference: str) -> None:
        connection = source.sql_session().connection().connection.driver_connection
        read = connection.execute(READ, (reference,)).fetchone()
        with connection.pipeline():
            for statement, values in writes(read):
                connection.execute(statement, values)

    @DBOS.workflow(name=WORKFLOW)
    def revoke(reference: str) -> None:
        write(reference)

    DBOS.launch()
    DBOS.register_queue(
        QUEUE, worker_concurrency=options.concurrency, polling_interval_sec=POLLING_SECONDS, on_conflict="never_update"
    )


def submit(options: Order) -> None:
    """Every row due, enqueued in one transaction."""
    engine = create_engine(options.url)
    client = DBOSClient(system_database_url=options.url)
    with engine.begin() as connection:
        references = connection.exec_driver_sql(REFERENCES).scalars().all()
        for reference in references:
            client.enqueue_in_transaction(
                connection, {"workflow_name": WORKFLOW, "queue_name": QUEUE, "app_version": VERSION}, reference
            )


def main() -> None:
    options = read_order()
    launch(options)
    say("ready")
    while word := next_word():
        if word == "submit":
            submit(options)
            say("submitted")


if __name__ == "__main__":
    main()
