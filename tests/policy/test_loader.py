"""The loader: where it finds plugins, what it checks, and that it says everything that is wrong at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import pytest

from rtcsignal.errors import ConfigError
from rtcsignal.policy.guard import Treatment
from rtcsignal.policy.loader import PluginSet, loadPlugins
from tests.policy.sources import MEMBERS_ONLY, Use, Wanted, policy

Folder = Callable[..., Path]

NUL = "2: SyntaxError" if sys.version_info >= (3, 11, 4) else " ValueError"

CONFIGURABLE = '''\
from pathlib import Path
from zope.interface import implementer
from rtcsignal.api import *

@implementer(IRoomPolicy)
class RoomLimit(Configurable):
    """Limits how many members a room has."""

    name = "room-limit"
    most = Option(int, 8, "Most members of a room.", least=1)
    listFile = Option(Path, None, "A list.")
    secret = Option(str, "", "A secret.", secret=True)

    def mayJoin(self, peer, room):
        if room.size >= self.most:
            raise Refused("room-full")

roomLimit = RoomLimit()
'''


def load(folder: Path, *use: str | Use, base: str | None = None) -> PluginSet:
    uses = [Use(each) if isinstance(each, str) else each for each in use]
    return loadPlugins(Wanted([str(folder)], uses), base)


def problems(folder: Path, *use: str | Use) -> list[str]:
    """The problems, with the folder left out of them."""
    with pytest.raises(ConfigError) as error:
        load(folder, *use)
    return [problem.replace(f"{folder}/", "") for problem in error.value.problems]


class TestFolders:
    def test_aDroppedInFileAndItsNameInTheConfigurationAreAllItTakes(self, folder: Folder) -> None:
        (entry,) = load(folder(members_only=MEMBERS_ONLY), "members-only").entries
        assert entry.name == "members-only"
        assert entry.treatment == Treatment(timeout=2, failOpen=False, shadow=False)
        assert entry.where.endswith("plugins/members_only.py")

    def test_theOrderIsThatOfTheConfiguration(self, folder: Folder) -> None:
        path = folder(a=policy("first"), b=policy("second"), c=policy("third"))
        assert [entry.name for entry in load(path, "third", "first", "second").entries] == ["third", "first", "second"]

    def test_pluginsThatAreNotNamedAreNotUsed(self, folder: Folder) -> None:
        assert load(folder(a=policy("first"))).entries == ()

    def test_namesThatBeginWithAnUnderscoreOrADotAndOtherFilesAreLeftOut(self, folder: Folder) -> None:
        path = folder(_broken="1 / 0", a=policy("first"))
        (path / ".hidden.py").write_text("1 / 0")
        (path / "README.md").write_text("1 / 0")
        (path / "folder.py").mkdir()
        assert len(load(path, "first").entries) == 1

    def test_filesOfAFolderMayShareCode(self, folder: Folder) -> None:
        path = folder(_shared="def helper(): return 7", a=policy("first", before="from ._shared import helper"))
        assert load(path, "first").entries[0].name == "first"

    def test_aPluginThatAnotherFileImportsIsTheSamePlugin(self, folder: Folder) -> None:
        path = folder(a=policy("first"), b="from .a import policy as other")
        assert [entry.name for entry in load(path, "first").entries] == ["first"]

    def test_aFileMayHoldSeveralPlugins(self, folder: Folder) -> None:
        source = policy("first") + policy("second").replace("policy = ", "other = ")
        assert len(load(folder(a=source), "second", "first").entries) == 2

    def test_theClassicPluginContractWorksToo(self, folder: Folder) -> None:
        source = MEMBERS_ONLY.replace("(IRoomPolicy)", "(IPlugin, IRoomPolicy)")
        path = folder(a="from twisted.plugin import IPlugin\n" + source)
        assert load(path, "members-only").entries[0].name == "members-only"

    def test_aFileReplacedByOneWithAnOlderTimeIsReadAnew(self, folder: Folder) -> None:
        path = folder(a=policy("first"))
        load(path, "first")
        (path / "a.py").write_text(policy("other"))
        os.utime(path / "a.py", (1, 1))
        assert load(path, "other").entries[0].name == "other"
        assert not (path / "__pycache__").exists()

    def test_sharedCodeIsReadAnewAsWell(self, folder: Folder) -> None:
        source = policy("first", before="from ._shared import NUMBER").replace(
            '    name = "first"', "    name = NUMBER"
        )
        path = folder(_shared="NUMBER = 'number-1'", a=source)
        load(path, "number-1")
        (path / "_shared.py").write_text("NUMBER = 'number-2'")
        os.utime(path / "_shared.py", (1, 1))
        assert load(path, "number-2").entries[0].name == "number-2"

    def test_aFolderThatIsNotThereIsAMistake(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="nowhere: the folder of plugins cannot be read: No such file"):
            load(tmp_path / "nowhere")

    def test_theModulesOfASetThatIsNotUsedAnyMoreAreForgotten(self, folder: Folder) -> None:
        before = set(sys.modules)
        plugins = load(folder(a=policy("first")), "first")
        assert len(set(sys.modules) - before) == 2
        plugins.discard()
        assert set(sys.modules) == before
        PluginSet().discard()

    def test_thoseOfASetThatCouldNotBeUsedToo(self, folder: Folder) -> None:
        before = set(sys.modules)
        path = folder(a=policy("first"))
        with pytest.raises(ConfigError):
            load(path, "second")
        assert set(sys.modules) == before

    def test_otherPlacesOfModulesAreLeftToOthers(self, tmp_path: Path) -> None:
        (tmp_path / "other.py").write_text("")
        assert PathFinder.find_spec("other", [str(tmp_path)]) is not None
        assert PathFinder.find_spec("other", [str(tmp_path / "nowhere")]) is None


class TestBrokenFiles:
    @pytest.mark.parametrize(
        ("source", "problem"),
        [
            ("x = 1\ndef f(:\n", "a.py:2: SyntaxError: invalid syntax"),
            ("import nothing_like_this", "a.py:1: ModuleNotFoundError: No module named 'nothing_like_this'"),
            ("\n\nfrom os import nothing", "a.py:3: ImportError: cannot import name 'nothing' from 'os'"),
            ("import sys\nsys.exit(3)", "a.py:2: SystemExit: 3"),
            ("def f():\n    return 1 / 0\nf()", "a.py:2: ZeroDivisionError: division by zero"),
            ("raise ValueError", "a.py:1: ValueError"),
            (
                "from rtcsignal.api import *\n\nclass A(Configurable):\n    most = Option(int, 'eight', 'Most.')",
                "a.py:4: TypeError: the default of an option must be a whole number, not 'eight'",
            ),
            ("x = 1\n\0", f"a.py:{NUL}: source code string cannot contain null bytes"),
            ("# coding: nothing", "a.py:1: SyntaxError: unknown encoding: nothing"),
        ],
    )
    def test_areReportedWithFileAndLine(self, folder: Folder, source: str, problem: str) -> None:
        (found,) = problems(folder(a=source))
        assert found.startswith(problem)

    def test_aFileThatIsNoTextIsReported(self, folder: Folder) -> None:
        path = folder()
        (path / "a.py").write_bytes(b"name = '\xff'")
        (found,) = problems(path)
        assert found.startswith("a.py:1: SyntaxError: ")

    def test_aLinkThatLeadsNowhereIsReported(self, folder: Folder) -> None:
        path = folder(a=policy("first"))
        (path / "b.py").symlink_to(path / "nothing.py")
        (path / ".#a.py").symlink_to("somebody@somewhere")
        assert problems(path) == ["b.py: the link leads nowhere"]

    def test_aMistakeInSharedCodeIsReportedWhereItIs(self, folder: Folder) -> None:
        (found,) = problems(folder(_shared="\n\nx = (", a="from ._shared import x"))
        assert found.startswith("_shared.py:3: SyntaxError")

    def test_aFileNameWithADotCannotBeLoaded(self, folder: Folder) -> None:
        path = folder()
        (path / "a.b.py").write_text("")
        assert problems(path) == ["a.b.py: the name of a plugin's file must not hold a further dot"]

    def test_ctrlCWhileOneIsLoadedTellsWhereItWas(self, folder: Folder) -> None:
        assert problems(folder(a="\nraise KeyboardInterrupt")) == ["a.py:2: KeyboardInterrupt"]

    def test_everythingIsSaidAtOnce(self, folder: Folder) -> None:
        path = folder(
            a="1 / 0",
            b="x = (",
            c=policy("first", arguments="self, peer"),
            d=policy("Second"),
            e=policy("third"),
            f=policy("third"),
        )
        found = problems(path, "missing", Use("third", {"fail": "maybe"}))
        assert len(found) == 7
        for word in ("a.py:1", "b.py:1", "c.py:8", "d.py:4", "two plugins called third", "no plugin missing", "maybe"):
            assert any(word in problem for problem in found), word


class TestShape:
    @pytest.mark.parametrize(
        ("arguments", "shown"),
        [
            ("self, peer", "(peer)"),
            ("self", "()"),
            ("self, room, peer", "(room, peer)"),
            ("self, peer, room, extra", "(peer, room, extra)"),
            ("self, peer, room, *, extra", "(peer, room, *, extra)"),
            ("self, who, where", "(who, where)"),
        ],
    )
    def test_wrongArgumentsAreReportedWhereTheMethodIs(self, folder: Folder, arguments: str, shown: str) -> None:
        assert problems(folder(a=policy("first", arguments=arguments))) == [
            f"a.py:8: mayJoin of Policy takes {shown}, but must be mayJoin(peer, room)"
        ]

    @pytest.mark.parametrize(
        "arguments",
        ["self, peer, room", "self, _peer, _room", "self, *arguments", "self, peer, room, extra=1, *, more=2"],
    )
    def test_otherWaysToTakeThemAreFine(self, folder: Folder, arguments: str) -> None:
        assert load(folder(a=policy("first", arguments=arguments)), "first").entries

    def test_aMethodThatIsMissingIsReported(self, folder: Folder) -> None:
        (found,) = problems(folder(a=policy("first").replace("mayJoin", "mayEnter")))
        assert found == "a.py:4: Policy has no method mayJoin(peer, room), which IRoomPolicy requires"

    def test_andOneThatIsNone(self, folder: Folder) -> None:
        (found,) = problems(folder(a=policy("first") + "Policy.mayJoin = 7\n"))
        assert found == "a.py:4: mayJoin of Policy is not a method, but must be mayJoin(peer, room)"

    @pytest.mark.parametrize("keyword", ["", "async "])
    def test_generatorsAreReportedBecauseNothingOfThemWouldRun(self, folder: Folder, keyword: str) -> None:
        source = policy("first", body="yield").replace("    def", f"    {keyword}def")
        assert problems(folder(a=source)) == [
            "a.py:8: mayJoin of Policy is a generator, of which nothing would ever run, but must be mayJoin(peer, room)"
        ]

    def test_coroutineFunctionsAreFine(self, folder: Folder) -> None:
        assert load(folder(a=policy("first").replace("    def", "    async def")), "first").entries

    def test_methodsOfWhichPythonDoesNotKnowTheArgumentsAreTakenAsTheyAre(self, folder: Folder) -> None:
        assert load(folder(a=policy("first") + "Policy.mayJoin = dict\n"), "first").entries

    @pytest.mark.parametrize("name", ["First", "first_one", "first one", "", "-first", "first-", "ä"])
    def test_namesAreWordsJoinedByHyphens(self, folder: Folder, name: str) -> None:
        (found,) = problems(folder(a=policy(name)))
        assert found.startswith(f"a.py:4: Policy has the name '{name}'; a name is made of lower-case words")

    def test_aPluginMustHaveAName(self, folder: Folder) -> None:
        (found,) = problems(folder(a=policy("first").replace("name =", "nome =")))
        assert found.startswith("a.py:4: Policy has no name;")

    @pytest.mark.parametrize(
        ("method", "wanted"),
        [("def start(self): pass", "start(services)"), ("def stop(self, now): pass", "stop()")],
    )
    def test_startAndStopAreCheckedIfTheyAreThere(self, folder: Folder, method: str, wanted: str) -> None:
        source = policy("first").replace("    def mayJoin", f"    {method}\n\n    def mayJoin")
        (found,) = problems(folder(a=source))
        assert found.startswith("a.py:8: ")
        assert found.endswith(f"must be {wanted}")

    def test_whoDeclaresALifecycleMustHaveBoth(self, folder: Folder) -> None:
        (found,) = problems(folder(a=policy("first").replace("(IRoomPolicy)", "(IRoomPolicy, ILifecycle)")).joinpath())[
            :1
        ]
        assert "has no method start(services), which ILifecycle requires" in found

    def test_whatZopeFindsBesidesIsReportedToo(self, folder: Folder) -> None:
        """Here a wrapper that says that it takes what it wraps takes, and does not."""
        wrap = "Policy.mayJoin = functools.wraps(Policy.mayJoin)(lambda self: None)\n"
        (found,) = problems(folder(a="import functools\n" + policy("first") + wrap))
        assert "mayJoin" in found
        assert "doesn't allow enough arguments" in found

    def test_classesWithoutAPlaceAreReportedWithTheirFile(self, folder: Folder) -> None:
        source = "from rtcsignal.api import *\nfrom zope.interface import implementer\n"
        source += "odd = implementer(IRoomPolicy)(type('Odd', (), {'name': 'Odd', 'mayJoin': lambda *a: None}))()\n"
        (found,) = problems(folder(a=source))
        assert found.startswith("a.py: Odd has the name 'Odd'")


class TestEvents:
    @staticmethod
    def handler(name: str, events: str) -> str:
        source = policy(name).replace("(IRoomPolicy)", "(IEventHandler)")
        return source.replace(
            "def mayJoin(self, peer, room)", "def handleEvent(self, peer, room, event, body)"
        ).replace(f'name = "{name}"', f'name = "{name}"\n    events = {events}')

    @pytest.mark.parametrize("events", ["'knock'", "()", "7"])
    def test_mustBeATuple(self, folder: Folder, events: str) -> None:
        (found,) = problems(folder(a=self.handler("first", events)), "first")
        assert found == "a.py:4: events of Policy must be a tuple of names of events"

    @pytest.mark.parametrize("event", ["join-room", "broadcast", "disconnect", ""])
    def test_thoseOfTheServerAreTaken(self, folder: Folder, event: str) -> None:
        (found,) = problems(folder(a=self.handler("first", f"('knock', '{event}')")))
        assert found == f"a.py:4: Policy cannot have the event '{event}'"

    def test_thoseThatThisServerHandlesAreTakenToo(self, folder: Folder) -> None:
        path = folder(a=self.handler("first", "('knock', 'raise-hand')"))
        with pytest.raises(ConfigError) as error:
            loadPlugins(Wanted([str(path)], [Use("first")]), taken={"raise-hand"})
        assert error.value.problems == (f"{path}/a.py:4: Policy cannot have the event 'raise-hand'",)

    @pytest.mark.parametrize("event", ["7", "['knock']", "None"])
    def test_theirNamesAreTexts(self, folder: Folder, event: str) -> None:
        (found,) = problems(folder(a=self.handler("first", f"('knock', {event})")), "first")
        assert found.startswith("a.py:4: Policy cannot have the event ")

    def test_twoPluginsInUseCannotShareOne(self, folder: Folder) -> None:
        path = folder(a=self.handler("first", "('knock',)"), b=self.handler("second", "('knock',)"))
        assert load(path, "first").entries
        assert problems(path, "first", "second") == ["plugins.use: first and second both take the event knock"]


class TestNames:
    def test_theSameNameTwiceNamesBothFiles(self, folder: Folder) -> None:
        (found,) = problems(folder(a=policy("first"), b=policy("first")))
        assert found == "b.py:4: there are two plugins called first; the other one is in a.py:4"

    def test_aMissingPluginIsNamedWithTheNearestThatIsThere(self, folder: Folder) -> None:
        use = Use("member-only", where="server.conf:3:5")
        assert problems(folder(a=MEMBERS_ONLY), use) == [
            "server.conf:3:5: plugins.use.0: there is no plugin member-only; did you mean members-only?"
        ]

    def test_aClassWithoutAnObjectIsPointedAt(self, folder: Folder) -> None:
        (found,) = problems(folder(a=MEMBERS_ONLY.replace("membersOnly = MembersOnly()", "")), "members-only")
        assert "a.py:4 has a class MembersOnly of this name, but no object of it at the top of the file" in found

    def test_anObjectWithoutAnInterfaceIsPointedAt(self, folder: Folder) -> None:
        (found,) = problems(folder(a=MEMBERS_ONLY.replace("@implementer(IRoomPolicy)", "")), "members-only")
        assert "membersOnly in" in found
        assert "has this name, but provides no interface of plugins" in found

    @pytest.mark.parametrize("attribute", ["mayJoin", "start", "configured", "options"])
    @pytest.mark.parametrize("error", ["ValueError('x')", "KeyError"])
    def test_oneWhoseAttributesCannotBeReadIsReported(
        self, folder: Folder, attribute: str, error: str
    ) -> None:
        source = policy("first").replace(
            "    def mayJoin(self, peer, room):",
            f"    @property\n    def {attribute}(self): raise {error}\n    def _(self):",
        )
        (found,) = problems(folder(a=source, b=policy("second")), "first", "second")
        assert found.startswith(f"a.py:4: {attribute} of Policy cannot be read: {error.split('(')[0]}")

    def test_oneWhoseNameCannotBeReadIsReported(self, folder: Folder) -> None:
        source = policy("first").replace('name = "first"', "@property\n    def name(self): raise ValueError")
        assert problems(folder(a=source)) == ["a.py:4: name of Policy cannot be read: ValueError"]

    def test_aPluginCannotBeUsedTwice(self, folder: Folder) -> None:
        assert problems(folder(a=MEMBERS_ONLY), "members-only", "members-only") == [
            "plugins.use: members-only is used twice"
        ]

    def test_objectsThatAnswerToEverythingAreNoPlugins(self, folder: Folder) -> None:
        source = "class Odd:\n    def __getattr__(self, name):\n        raise ValueError(name)\nodd = Odd()\n"
        with pytest.raises(ConfigError, match="there is no plugin first"):
            load(folder(a=source), "first")


class TestOptions:
    def test_theyMakeANewPlugin(self, folder: Folder) -> None:
        (entry,) = load(folder(a=CONFIGURABLE), Use("room-limit", {"most": 2})).entries
        assert entry.plugin.most == 2

    def test_withoutOptionsTheDefaultsHold(self, folder: Folder) -> None:
        (entry,) = load(folder(a=CONFIGURABLE), "room-limit").entries
        assert entry.plugin.most == 8

    def test_failShadowAndTimeoutAreTakenOutBeforeThePluginSeesThem(self, folder: Folder) -> None:
        options = {"most": 3, "fail": "open", "shadow": True, "timeout": 0.5}
        (entry,) = load(folder(a=CONFIGURABLE), Use("room-limit", options)).entries
        assert entry.plugin.most == 3
        assert entry.treatment == Treatment(timeout=0.5, failOpen=True, shadow=True)

    def test_theseThreeNeedNoConfigurablePlugin(self, folder: Folder) -> None:
        (entry,) = load(folder(a=MEMBERS_ONLY), Use("members-only", {"fail": "closed", "timeout": 9})).entries
        assert entry.treatment == Treatment(timeout=9)

    def test_mistakesHaveThePlaceAndTheKeyPathInFront(self, folder: Folder) -> None:
        options = {"most": 0, "fail": "never", "timeout": 0, "shadow": "yes"}
        assert problems(folder(a=CONFIGURABLE), Use("room-limit", options, "server.conf:7:9")) == [
            f"server.conf:7:9: plugins.use.0.room-limit.{problem}"
            for problem in (
                "fail: must be open or closed, not 'never'",
                "timeout: must be a number from 0.001 to 3600, not 0",
                "shadow: must be true or false, not 'yes'",
                "most: must be a whole number of at least 1, not 0",
            )
        ]

    def test_aPluginThatTakesNoneSaysSo(self, folder: Folder) -> None:
        assert problems(folder(a=MEMBERS_ONLY), Use("members-only", {"most": 2})) == [
            "plugins.use.0.members-only.most: the plugin takes no options"
        ]

    def test_relativePathsCountFromTheFolderOfTheConfiguration(self, folder: Folder, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("abc")
        options = {"list_file": "lists/a", "secret_file": "secret"}
        use = Use("room-limit", options, f"{tmp_path}/server.conf:7:9")
        for entry in (
            *load(folder(a=CONFIGURABLE), use).entries,
            *load(folder(), Use("room-limit", options), base=str(tmp_path)).entries,
        ):
            assert (entry.plugin.listFile, entry.plugin.secret) == (tmp_path / "lists/a", "abc")

    def test_anOptionOfThePluginCannotHaveTheNameOfOneOfTheServer(self, folder: Folder) -> None:
        source = CONFIGURABLE.replace("most = Option", "timeout = Option").replace("self.most", "self.timeout")
        (found,) = problems(folder(a=source), "room-limit")
        assert found == "plugins.use.0.room-limit: the options timeout belong to the server; rename the plugin's own"


OWN = policy("first").replace("(IRoomPolicy)", "(IRoomPolicy, IConfigurable)")


class TestOwnConfiguration:
    """Plugins that bring a `configured` of their own."""

    @staticmethod
    def source(body: str) -> str:
        return OWN.replace("    def mayJoin", f"    def configured(self, options):\n        {body}\n\n    def mayJoin")

    def test_getTheOptionsAsTheyStand(self, folder: Folder) -> None:
        source = self.source("new = Policy(); new.given = options; return new")
        (entry,) = load(folder(a=source), Use("first", {"a": [1], "fail": "open"})).entries
        assert entry.plugin.given == {"a": [1]}

    def test_whatTheyDoWithThemDoesNotChangeTheConfiguration(self, folder: Folder) -> None:
        given: dict[str, Any] = {"a": [1]}
        load(folder(a=self.source("options['a'].append(2); return Policy()")), Use("first", given))
        assert given == {"a": [1]}

    def test_areNotAskedWithoutOptions(self, folder: Folder) -> None:
        assert load(folder(a=self.source("raise ValueError")), "first").entries

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ("raise ConfigError('most: too many')", "plugins.use.0.first.most: too many"),
            ("raise ConfigError(['a: no', 'all is wrong'])", "plugins.use.0.first: all is wrong"),
            ("return options['b']", "plugins.use.0.first: configured failed: KeyError: 'b' at a.py:9 in configured"),
            (
                "import sys; sys.exit(1)",
                "plugins.use.0.first: configured failed: SystemExit: 1 at a.py:9 in configured",
            ),
            ("return None", "plugins.use.0.first: configured returned None, which is not a plugin called first"),
            ("return self", "plugins.use.0.first: configured returned the plugin itself; it must make a new one"),
            (
                "new = Policy(); new.name = 'other'; return new",
                "which is not a plugin called first",
            ),
            ("new = Policy(); new.mayJoin = 7; return new", "mayJoin of Policy is not a method"),
        ],
    )
    def test_theirMistakesAreReported(self, folder: Folder, body: str, problem: str) -> None:
        found = problems(folder(a=self.source(body)), Use("first", {"a": 1}))
        assert any(problem in each for each in found), found

    def test_ctrlCInThemTellsWhereItWas(self, folder: Folder) -> None:
        (found,) = problems(folder(a=self.source("raise KeyboardInterrupt")), Use("first", {"a": 1}))
        assert "plugins.use.0.first: configured failed: KeyboardInterrupt at " in found
