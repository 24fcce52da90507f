"""One switch takes the fast path away, for the tests and for whoever wonders whether a problem lies there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.task import Clock

from rtcsignal.service.config.schema import Config
from rtcsignal.service.config.socketio import Socketio
from rtcsignal.service.wiring import build
from tests.support.lanes import configText


@pytest.mark.parametrize("fast", [True, False])
def test_theConfigurationSaysWhichWayIsTaken(fast: bool) -> None:
    server = build(Config(socketio=Socketio(fast=fast)), Clock())
    assert server.engine.options.fast is fast


def test_itIsFastUnlessItIsTold() -> None:
    assert Config().socketio.fast


@pytest.mark.parametrize("config", [{}, {"socketio": {"ping_interval": 1}, "origins": ["*"]}])
def test_theServersUnderTestCanAllTakeThePlainWay(config: dict[str, Any]) -> None:
    assert json.loads(configText(config, fast=True)) == config
    plain = json.loads(configText(config, fast=False))
    assert plain["socketio"].pop("fast") is False
    assert {**config, "socketio": config.get("socketio", {})} == plain
