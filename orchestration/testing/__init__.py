"""Test sagas without a broker or a worker, with faults and time in your hands.

    def test_a_declined_card_gives_the_stock_back(db):
        run = SagaRun(fulfil_order, order_input, reject_at="payments.authorize").until_rest()
        assert run.state == "compensated"
        assert run.undone == ["shipping.reserve_stock", "orders.accept"]

The driver uses the same planning core, claims and records as the real runner, on your test database; only the messages
are carried by hand. One suite of contract tests runs over both, so that it is never kinder than the truth.
"""

from orchestration.testing.run import SagaRun, run_all
from orchestration.testing.script import Script, scripted

__all__ = ["SagaRun", "Script", "run_all", "scripted"]
