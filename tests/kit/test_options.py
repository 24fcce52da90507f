"""Options of plugins: how they are declared, checked, and become attributes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from rtcsignal.api import REQUIRED, ConfigError, Configurable, IConfigurable, Option
from rtcsignal.kit.options import inWords
from rtcsignal.spelling import snakeCase


class Plugin(Configurable):
    name = "plugin"
    most = Option(int, 8, "Most members of a room.", least=1, most=100)
    perSecond = Option(float, 2, "Messages per second.")
    rooms = Option(list[str], ["*"], "Which rooms.")
    mode = Option(str, "hard", "How.", choices=("hard", "soft"))
    key = Option(str, None, "The key.", secret=True)
    keyFile = Option(Path, None, "A file.")


class Needy(Configurable):
    name = "needy"
    url = Option(str, REQUIRED, "Where to.", least=1)
    prepared = 0

    def prepare(self) -> None:
        self.prepared += 1
        if self.url == "wrong":
            raise ConfigError("url: must not be wrong")


def configure(plugin: Any, **options: Any) -> Any:
    return plugin.configured(options)


def problems(plugin: Any, **options: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as error:
        plugin.configured(options)
    return error.value.problems


class TestDefaults:
    @pytest.mark.parametrize(
        ("kind", "default", "wanted"),
        [
            (int, "eight", "a whole number, not 'eight'"),
            (int, 1.5, "a whole number, not 1.5"),
            (int, True, "a whole number, not true"),
            (bool, 0, "true or false, not 0"),
            (float, "1", "a number, not '1'"),
            (str, 1, "a string, not 1"),
            (Path, 1, "the path of a file, not 1"),
            (list[str], "a", "a list of strings, not 'a'"),
            (list[str], [1], "a list of strings, not [1]"),
            (dict[str, int], {"a": "b"}, "a mapping of strings to whole numbers, not {'a': 'b'}"),
            (Literal["a", "b"], "c", "a or b, not 'c'"),
        ],
        ids=repr,
    )
    def test_mustBeOfTheKindOfTheOption(self, kind: Any, default: Any, wanted: str) -> None:
        with pytest.raises(TypeError) as error:
            Option(kind, default, "What it is.")
        assert str(error.value) == f"the default of an option must be {wanted}"

    @pytest.mark.parametrize(
        ("kind", "default"),
        [
            (int, 0),
            (int, None),
            (int, REQUIRED),
            (float, 1),
            (Path, Path("a")),
            (tuple[str, ...], ("a", "b")),
            (dict[str, Any], {"a": [1]}),
            (int | str, "a"),
            (Any, ("anything",)),
        ],
        ids=repr,
    )
    def test_mayBeThese(self, kind: Any, default: Any) -> None:
        assert Option(kind, default, "What it is.").default is default

    def test_mayMeanThatNothingIsSet(self) -> None:
        assert Option(int, 0, "Most; 0 for no limit.", least=1).default == 0

    def test_thatAreSecretAreNotShown(self) -> None:
        with pytest.raises(TypeError, match=r"must be a string, not what it is$"):
            Option(str, 1234, "The key.", secret=True)

    def test_ofPathsArePaths(self) -> None:
        path: Any = "a.txt"
        assert Option(Path, path, "A file.").default == Path("a.txt")


class TestValues:
    def test_withoutOptionsTheDefaultsHold(self) -> None:
        plugin = Plugin()
        assert (plugin.most, plugin.perSecond, plugin.rooms, plugin.mode) == (8, 2, ["*"], "hard")
        assert (plugin.key, plugin.keyFile) == (None, None)

    def test_eachObjectHasItsOwnLists(self) -> None:
        Plugin().rooms.append("more")
        assert Plugin().rooms == ["*"]
        assert Plugin.options["rooms"].default == ["*"]

    def test_theKeyOfAnOptionIsItsAttributeInSnakeCase(self) -> None:
        assert configure(Plugin(), per_second=7.5).perSecond == 7.5
        assert snakeCase("retryAfterSeconds") == "retry_after_seconds"

    def test_aNewPluginIsMadeAndTheOldOneStays(self) -> None:
        old = Plugin()
        new = configure(old, most=2)
        assert (type(new), new.most, old.most) == (Plugin, 2, 8)

    def test_inPythonTheyAreArguments(self) -> None:
        assert Plugin(most=3).most == 3
        with pytest.raises(TypeError, match="Plugin has no option least"):
            Plugin(least=3)

    def test_aWholeNumberWillDoForANumber(self) -> None:
        value = configure(Plugin(), per_second=3).perSecond
        assert (value, type(value)) == (3.0, float)

    def test_optionsAreInherited(self) -> None:
        class More(Plugin):
            extra = Option(bool, False, "More.")

        assert set(More.options) == {*Plugin.options, "extra"}
        assert "extra" not in Plugin.options
        assert configure(More(), most=2, extra=True).extra is True

    def test_theClassSaysWhatItsOptionsAre(self) -> None:
        assert Plugin.most is Plugin.options["most"]
        assert Plugin.most.what == "Most members of a room."
        assert IConfigurable.implementedBy(Plugin)

    def test_nullIsAValueOnlyWhereItIsTheDefault(self) -> None:
        assert configure(Plugin(), key=None).key is None
        assert problems(Plugin(), mode=None) == ("mode: must be hard or soft, not null",)

    def test_aPathIsAPath(self) -> None:
        assert configure(Plugin(), key_file="/a/b").keyFile == Path("/a/b")

    def test_theDefaultsAreThereFromTheBeginning(self) -> None:
        class Early(Plugin):
            def __init__(self, **options: Any) -> None:
                self.early = self.most
                super().__init__(**options)

        assert Early(most=3).early == 8


class TestPreparation:
    def test_happensOnceWhenAllOptionsHaveTheirValues(self) -> None:
        assert configure(Needy(), url="http://x").prepared == 1
        assert Needy(url="http://x").prepared == 1

    def test_waitsForWhatIsRequired(self) -> None:
        needy = Needy()
        assert needy.prepared == 0
        with pytest.raises(AttributeError):
            needy.url  # noqa: B018

    def test_mayFindMistakesOfItsOwn(self) -> None:
        assert problems(Needy(), url="wrong") == ("url: must not be wrong",)


class TestMistakes:
    def test_allAreFoundAtOnce(self) -> None:
        assert problems(Plugin(), most="many", mode="sort", romos=[]) == (
            "most: must be a whole number from 1 to 100, not 'many'",
            "mode: must be hard or soft, not 'sort'",
            "romos: unknown option; did you mean rooms?",
        )

    def test_whatIsRequiredMustBeThere(self) -> None:
        assert problems(Needy()) == ("url: is required: Where to.",)

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"most": 0}, "most: must be a whole number from 1 to 100, not 0"),
            ({"most": 101}, "most: must be a whole number from 1 to 100, not 101"),
            ({"most": True}, "most: must be a whole number from 1 to 100, not true"),
            ({"most": 1.5}, "most: must be a whole number from 1 to 100, not 1.5"),
            ({"rooms": "all"}, "rooms: must be a list of strings, not 'all'"),
            ({"rooms": [1]}, "rooms: must be a list of strings, not [1]"),
            ({"per_second": "x" * 100}, f"per_second: must be a number, not '{'x' * 79}..."),
            ({"key_file": 7}, "key_file: must be the path of a file, not 7"),
        ],
    )
    def test_eachSaysWhatItMustBe(self, options: dict[str, Any], problem: str) -> None:
        assert problems(Plugin(), **options) == (problem,)

    def test_lengthsOfTextsAreCheckedAsWell(self) -> None:
        assert problems(Needy(), url="") == ("url: must be a string of at least 1 character, not ''",)


class Secretive(Configurable):
    name = "secretive"
    secret = Option(str, REQUIRED, "The secret.", secret=True)


class TestSecrets:
    def test_mayStandInAFile(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("abc\n")
        assert configure(Secretive(), secret_file=str(file)).secret == "abc"

    def test_areNotShownWhenTheyAreWrong(self) -> None:
        assert problems(Secretive(), secret=["s3cret"]) == ("secret: must be a string, not what it is",)

    def test_cannotBeGivenTwice(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("abc\n")
        assert problems(Secretive(), secret="abc", secret_file=str(file)) == (
            "secret_file: give only one of secret and secret_file",
        )

    @pytest.mark.parametrize(
        ("path", "problem"),
        [
            ("/nowhere/at/all", "secret_file: /nowhere/at/all cannot be read: No such file or directory"),
            (7, "secret_file: must be the path of a file"),
        ],
    )
    def test_mustBeReadable(self, path: Any, problem: str) -> None:
        assert problems(Secretive(), secret_file=path) == (problem,)

    def test_mustBeText(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_bytes(b"\xff")
        assert problems(Secretive(), secret_file=str(file)) == (f"secret_file: {file} cannot be read: is not UTF-8",)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (Option(int, 1, "", least=1), "a whole number of at least 1"),
        (Option(float, 1, "", most=0.5), "a number of at most 0.5"),
        (Option(str, "", "", most=1), "a string of at most 1 character"),
        (Option(str, "", "", least=2, most=8), "a string of 2 to 8 characters"),
        (Option(list[str], [], "", least=1), "a list of strings with at least 1 item"),
        (Option(list[int], [], "", least=0, most=3), "a list of whole numbers with 0 to 3 items"),
    ],
)
def test_whatAnOptionMustBeIsSaidInWords(option: Option[Any], words: str) -> None:
    assert option.inWords() == words


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (bool, "true or false"),
        (list[int], "a list of whole numbers"),
        (dict[str, float], "a mapping of strings to numbers"),
        (Literal["a", "b"], "a or b"),
        (str | None, "a string or null"),
        (list[bool], "a list of true or false"),
        (set, "set"),
    ],
)
def test_typesAreNamedInWords(kind: Any, words: str) -> None:
    assert inWords(kind) == words


def test_requiredShowsItself() -> None:
    assert repr(REQUIRED) == "REQUIRED"
