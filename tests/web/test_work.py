import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from digitcnn.web.problems import RequestError
from digitcnn.web.work import Pool
from web_servers import running, sheet


@pytest.fixture
def pool():
    one = Pool(1, 1)
    yield one
    one.close()


def test_result_and_error_come_back(pool):
    assert asyncio.run(pool.run(divmod, 7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(pool.run(divmod, 7, 0))
    assert asyncio.run(pool.run(divmod, 9, 2)) == (4, 1)


def test_more_than_may_wait_is_refused_until_there_is_room(pool):
    release = threading.Event()

    async def ask():
        first = asyncio.create_task(pool.run(release.wait))
        second = asyncio.create_task(pool.run(release.wait))
        await asyncio.sleep(0)
        with pytest.raises(RequestError) as caught:
            await pool.run(release.wait)
        release.set()
        assert await first
        assert await second
        assert await pool.run(release.wait)
        return caught.value

    refused = asyncio.run(ask())
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1


def test_work_that_nobody_waits_for_is_not_begun(pool):
    release, begun = threading.Event(), []

    async def ask():
        first = asyncio.create_task(pool.run(release.wait))
        second = asyncio.create_task(pool.run(begun.append, 1))
        await asyncio.sleep(0)
        second.cancel()
        release.set()
        await first
        await pool.run(int)

    asyncio.run(ask())
    assert begun == []


def test_place_of_work_that_was_given_up_stays_taken_until_it_is_done(pool):
    release = threading.Event()

    async def ask():
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pool.run(release.wait), 0.05)
        with pytest.raises(RequestError):
            await pool.run(int)
        assert pool.is_stuck(0.01)
        release.set()
        end = time.monotonic() + 10
        while True:
            try:
                return await pool.run(int)
            except RequestError:
                assert time.monotonic() < end
                await asyncio.sleep(0.01)

    assert asyncio.run(ask()) == 0
    assert not pool.is_stuck(0.01)


def test_retry_after_grows_with_what_waits():
    pool = Pool(1, 1000)
    release = threading.Event()

    async def ask():
        tasks = [asyncio.create_task(pool.run(release.wait)) for _ in range(1000)]
        await asyncio.sleep(0)
        seconds = pool.retry_after()
        release.set()
        await asyncio.gather(*tasks)
        return seconds

    assert asyncio.run(ask()) > 10
    assert pool.retry_after() == 1
    pool.close()


def test_server_tells_clients_that_it_has_too_much_to_do(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr("digitcnn.web.answers.Answers.read", lambda *_: {"ok": release.wait(20)})
    with (
        running(limits={"threads": 1, "waiting": 1}) as served,
        ThreadPoolExecutor(6) as clients,
    ):

        def ask(_):
            answer = served.client.post("/api/read", content=sheet("1"))
            if answer.status_code == 429:
                release.set()
            return answer

        answers = list(clients.map(ask, range(6)))
        statuses = sorted(answer.status_code for answer in answers)
    assert statuses[:2] == [200, 200]
    assert statuses[-1] == 429
    busy = next(answer for answer in answers if answer.status_code == 429)
    assert int(busy.headers["retry-after"]) >= 1
    assert busy.headers["content-type"] == "application/problem+json"
