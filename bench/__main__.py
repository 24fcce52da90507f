"""Measures this server beside others, or loads a running one.

    python -m bench                                 all servers that are installed, all loads, three times
    python -m bench --quick                         a few seconds: is everything delivered?
    python -m bench --servers rtcsignal,node --loads fan2,calls2 --repetitions 5
    python -m bench --servers rtcsignal,configured --config etc/server.conf
    python -m bench --url ws://127.0.0.1:8080       a server that runs already, 100 messages a second for 10 s
    python -m bench --url wss://example.org --rooms 50 --rate 500 --yes
    python -m bench --report                        the newest results into docs/performance.md

The exit status is 1 if this server, or the one at the URL, lost a connection or lost, overtook, doubled or damaged a
delivery; 2 if nothing could be measured. Times never fail it, and neither do the faults of others.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import external, pages
from bench.compare import compare, machine
from bench.contenders import CONTENDERS, OURS, Configured, Contender
from bench.errors import BenchError
from bench.measure import Plan, whyNotNative
from bench.report import Report, terminal, writeResults
from bench.scenarios import QUICK, SCENARIOS, Kind, Scenario
from bench.script import Dialect

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)
    try:
        if sys.platform != "linux":
            raise BenchError("this needs Linux, for epoll and for what it tells of processes")
        if options.list:
            return _list()
        if options.report is not None:
            return pages.update(Path(options.report) if options.report else None)
        if not options.python and (why := whyNotNative()):
            _tell(f"The load comes from Python, which may be what limits, because {why}.")
        if options.url:
            return _external(options)
        return _compare(options)
    except (BenchError, OSError) as error:
        _tell(f"bench: {error}")
        return 2
    except KeyboardInterrupt:
        return 130


def _compare(options: argparse.Namespace) -> int:
    servers = {**CONTENDERS, "configured": Configured(Path(options.config))} if options.config else CONTENDERS
    usual = [name for name in servers if options.config or name != "configured"]
    wanted = options.servers or (f"{OURS},node" if options.quick else ",".join(usual))
    contenders = _present(_chosen(wanted, servers), bool(options.servers))
    loads = options.loads or ",".join(QUICK if options.quick else _LOADS)
    scenarios: list[Scenario] = _chosen(loads, _LOADS)
    if options.eio == 3 and any(scenario.kind is Kind.POLLING for scenario in scenarios):
        _tell("Without polling, which is measured with revision 4 of Engine.IO.")
        scenarios = [scenario for scenario in scenarios if scenario.kind is not Kind.POLLING]
    seconds = (0.5 if options.quick else 2.0) if options.seconds is None else options.seconds
    if not 0 < seconds <= external.MOST_SECONDS:
        raise BenchError(f"seconds must be above 0 and at most {external.MOST_SECONDS:g}")
    plan = Plan(seconds, warm=seconds / 2, native=not options.python)
    repetitions = (1 if options.quick else 3) if options.repetitions is None else options.repetitions
    if repetitions < 1:
        raise BenchError("there must be at least one repetition")
    dialect = Dialect(options.namespace, options.eio)
    report = Report(machine(), [])
    try:
        for run in compare(contenders, scenarios, repetitions, plan, dialect, _tell):
            report.runs.append(run)
    except KeyboardInterrupt:
        _tell("Interrupted: this is what was measured.")
    print(terminal(report))
    if not options.quick or options.out:
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M")
        path = Path(options.out) if options.out else pages.RESULTS / f"{stamp}.json"
        writeResults(report, path)
        pages.writeChart(report, path.with_suffix(".svg"))
        _tell(f"Kept in {path}; its chart is beside it.")
    return 1 if any(run.server == OURS for run in report.faults) else 0


def _external(options: argparse.Namespace) -> int:
    request = external.Request(
        url=options.url,
        kind=Kind(options.do),
        rooms=options.rooms,
        members=options.members,
        size=options.size,
        rate=0.0 if options.flood else options.rate,
        seconds=10.0 if options.seconds is None else options.seconds,
        patience=options.patience,
        namespace=options.namespace,
        revision=options.eio,
        echo=not options.no_echo,
        auth=options.auth,
        headers=options.header,
        pid=options.pid,
        checked=not options.insecure,
        native=not options.python,
    )
    request.check()
    danger = external.warning(request)
    if request.flooding and not options.flood:
        raise BenchError(f"{danger} Add --flood if that is what you want.")
    if danger and not options.yes:
        raise BenchError(f"{danger} Add --yes to go on.")
    measured = external.load(request)
    print(external.shown(request, measured))
    return 1 if measured.faulty else 0


def _list() -> int:
    for contender in CONTENDERS.values():
        why = contender.missing()
        print(f"{contender.name:10} {contender.title}{f' ({why})' if why else ''}")
    for scenario in SCENARIOS:
        print(f"{scenario.name:10} {'; '.join(f'{row.title} ({row.unit})' for row in scenario.rows)}")
    return 0


def _chosen(names: str, among: dict[str, Any]) -> list[Any]:
    unknown = [name for name in names.split(",") if name not in among]
    if unknown:
        raise BenchError(f"there is no {', '.join(unknown)}; there are {', '.join(among)}")
    return [among[name] for name in names.split(",")]


def _present(contenders: Sequence[Contender], asked: bool) -> list[Contender]:
    """Those that can be started. One that was asked for by name must be among them."""
    there = []
    for contender in contenders:
        why = contender.missing()
        if not why:
            there.append(contender)
        elif asked or contender.name == OURS:
            raise BenchError(why)
        else:
            _tell(f"Without {contender.title}: {why}.")
    return there


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


_LOADS = {scenario.name: scenario for scenario in SCENARIOS}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--list", action="store_true", help="show servers and loads, and end")
    add("--quick", action="store_true", help="a few seconds, this server and Node's socket.io if it is installed")
    add("--report", nargs="?", const="", metavar="FILE", help="put results (the newest) into the documentation")
    add("--seconds", type=float, help="how long each load is measured (2; with --url 10)")
    add("--namespace", default="/", help="of Socket.IO (/)")
    add("--eio", type=int, choices=(3, 4), default=4, help="revision of Engine.IO (4)")
    add("--python", action="store_true", help="never use the load generator in C")
    compared = parser.add_argument_group("comparing")
    add = compared.add_argument
    add("--servers", metavar="A,B", help="which (all that are installed)")
    add("--config", metavar="FILE", help="also measure this server with this configuration, plugins and all")
    add("--loads", metavar="A,B", help="which (all)")
    add("--repetitions", type=int, help="how many times (3)")
    add("--out", metavar="FILE", help="where the results go (bench/results/TIME.json)")
    url = parser.add_argument_group("loading a running server")
    add = url.add_argument
    add("--url", help="ws://host:port, wss://host/path/")
    add("--do", choices=[kind.value for kind in Kind], default=Kind.FAN_OUT.value, help="what the clients do")
    add("--rooms", type=int, default=10, help="how many (10)")
    add("--members", type=int, default=2, help="in each (2)")
    add("--size", type=int, default=300, help="bytes of a message (300)")
    add("--rate", type=float, default=100.0, help="messages a second, all rooms together (100)")
    add("--patience", type=float, default=5.0, help="seconds that the last deliveries may take (5)")
    add("--flood", action="store_true", help="as fast as the server goes")
    add("--yes", action="store_true", help="yes, load it, wherever it is and whoever uses it")
    add("--no-echo", action="store_true", help="senders do not get their own broadcasts")
    add("--auth", default="", metavar="JSON", help="goes with CONNECT")
    add("--header", action="append", default=[], metavar="LINE", help="of each request; may be repeated")
    add("--pid", type=int, help="of the server, if it is a process of this machine: shows what it uses")
    add("--insecure", action="store_true", help="take any certificate")
    return parser


if __name__ == "__main__":
    sys.exit(main())
