"""A family's seat: the head of a household reads what is recorded of it, and nothing of anybody else."""

from tests.conftest import SignIn


async def test_a_head_reads_the_own_household(sign_in: SignIn) -> None:
    reply = await (await sign_in("head-1")).get("/v1/me/household")
    assert reply.status_code == 200, reply.text
