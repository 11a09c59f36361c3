"""procrastinate: a job a row, deferred in one batch, worked by its asynchronous worker.

One pool, given to the application as its documentation shows, in autocommit: three round trips a job are spared to it.
It listens to no notification, for the jobs are there before the workers.
"""

import asyncio

from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from bench.peers.effect import READ, REFERENCES, writes
from bench.peers.protocol import Order, next_word, read_order, say


def application(pool: AsyncConnectionPool) -> App:
    app = App(connector=PsycopgConnector())

    @app.task(name="revoke")
    async def revoke(reference: str) -> None:
        async with pool.connection() as connection, connection.transaction():
            read = await (await connection.execute(READ, (reference,))).fetchone()
            async with connection.pipeline():
                for statement, values in writes(read):
                    await connection.execute(statement, values)

    return app


async def submit(app: App, pool: AsyncConnectionPool) -> None:
    """Every row due, as one batch of jobs."""
    async with pool.connection() as connection:
        references = [row[0] for row in await (await connection.execute(REFERENCES)).fetchall()]
    await app.tasks["revoke"].batch_defer_async(*({"reference": reference} for reference in references))


async def serve(options: Order) -> None:
    size = options.concurrency + 2
    async with AsyncConnectionPool(
        options.url, min_size=size, max_size=size, kwargs={"autocommit": True}, open=False
    ) as pool:
        app = application(pool)
        async with app.open_async(pool):
            if options.number == 0:
                await app.schema_manager.apply_schema_async()
            say("ready")
            while word := await asyncio.to_thread(next_word):
                if word == "submit":
                    await submit(app, pool)
                    say("submitted")
                elif word == "work":
                    await app.run_worker_async(
                        concurrency=options.concurrency, wait=False, listen_notify=False, install_signal_handlers=False
                    )


if __name__ == "__main__":
    from bench.peers import task_queue  # procrastinate warns of an application made in the main module

    asyncio.run(task_queue.serve(read_order()))
