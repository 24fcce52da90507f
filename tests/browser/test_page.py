"""The page itself: links, keys, sizes, looks and safety."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PersonFactory
from tests.conftest import ServerFactory

_PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}

_FINISH = """() => {
    const animations = document.getAnimations();
    const ending = animations.filter(({ effect }) => effect.getComputedTiming().endTime < Infinity);
    for (const animation of ending) animation.finish();
}"""

_GUESTS = """async (count) => {
    const { demo } = await import("./app.js");
    const { Tile } = await import("./stage.js");
    const { TestPicture } = await import("./media.js");
    const names = ["Bob D", "Carol", "Dan", "Erin F", "Frank", "Grace", "Heidi Ö", "Ivan"];
    for (const name of names.slice(0, count)) {
        const tile = new Tile({ id: name });
        const picture = new TestPicture();
        picture.setName(name);
        tile.setName(name);
        tile.setTracks([picture.track()]);
        tile.setPicture(true);
        tile.setState("connected", "connected");
        demo.stage.add(tile);
    }
}"""


def test_theRoomIsInTheAddressAndTheInviteLinkLeadsThere(person: PersonFactory) -> None:
    """A room is proposed, any name will do, and whoever opens the copied link has only to say who they are."""
    alice, bob = person("Alice").open(), person("Bob")
    assert alice.page.get_by_label("Room").input_value() != ""
    alice.page.get_by_label("Room").fill("Küche & Flur/2")
    alice.page.get_by_label("Your name").fill("Alice")
    alice.page.get_by_role("button", name="Join the room").click()
    alice.page.get_by_role("button", name="Copy invite link").first.click()
    alice.expectSaid("Link copied")
    link = alice.page.evaluate("navigator.clipboard.readText()")
    assert link == alice.page.url
    assert link.endswith("/#" + quote("Küche & Flur/2", safe=""))
    bob.open(path=link)
    expect(bob.page.get_by_role("heading", name="Join the call")).to_be_visible()
    expect(bob.page.get_by_text("You are invited to “Küche & Flur/2”")).to_be_visible()
    expect(bob.page.get_by_label("Room")).to_have_value("Küche & Flur/2")
    bob.page.get_by_label("Your name").fill("Bob")
    bob.page.get_by_label("Your name").press("Enter")
    alice.expectCallWith("Bob")
    bob.expectCallWith("Alice")


def test_anotherRoomInTheAddressLeavesThisOne(person: PersonFactory, room: str) -> None:
    """Going to another link ends the call and offers the other room."""
    alice, bob = person("Alice").enter(room, testPicture=True), person("Bob").enter(room, testPicture=True)
    alice.expectCallWith("Bob")
    bob.page.evaluate("location.hash = 'elsewhere'")
    alice.expectSaid("Bob left.")
    expect(bob.page.get_by_label("Room")).to_have_value("elsewhere")


def test_everythingWorksByKeyboard(person: PersonFactory, room: str) -> None:
    """Joining, all controls by Tab and by their letters, hanging up; what has the focus is always seen."""
    alice = person("Alice").enter(room)
    bob = person("Bob").open(room)
    keyboard = bob.page.keyboard
    expect(bob.page.get_by_label("Your name")).to_be_focused()
    keyboard.type("Bob")
    keyboard.press("Enter")
    expect(bob.page.locator("#microphone")).to_be_focused()
    alice.expectCallWith("Bob")
    expect(bob.page.get_by_role("button", name="Mute")).to_be_enabled()
    keyboard.press("m")
    expect(bob.page.get_by_role("button", name="Unmute")).to_be_visible()
    keyboard.press("v")
    expect(bob.page.get_by_role("button", name="Camera on")).to_be_visible()
    keyboard.press("d")
    expect(bob.page.get_by_role("button", name="Details")).to_have_attribute("aria-pressed", "true")
    keyboard.press("l")
    bob.expectSaid("Link copied")
    for name in ("Camera on", "Details", "Hang up"):
        keyboard.press("Tab")
        expect(bob.page.get_by_role("button", name=name)).to_be_focused()
        assert bob.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    keyboard.press("Enter")
    expect(bob.status).to_have_text("You left the call")
    alice.expectSaid("Bob left.")


def test_theLinkIsCopiedAlsoWhereThePageIsNotSecure(person: PersonFactory, room: str) -> None:
    """A phone that visits a server of the local network over plain http: its browser has no clipboard for pages."""
    alice = person("Alice")
    alice.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined });")
    alice.enter(room)
    button = alice.page.get_by_role("banner").get_by_role("button", name="Copy invite link")
    button.click()
    alice.expectSaid("Link copied")
    expect(alice.page.locator("#copy-link")).to_be_focused()
    other = person("Bob").open()
    assert other.page.evaluate("navigator.clipboard.readText()") == alice.page.url


def test_whereNothingCanBeCopiedTheLinkIsSaid(person: PersonFactory, room: str) -> None:
    alice = person("Alice")
    alice.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined });")
    alice.page.add_init_script("document.execCommand = () => false;")
    alice.enter(room)
    alice.page.locator("#copy-link").click()
    alice.expectSaid(f"The link to this room: {alice.page.url}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_aPhoneShowsEverythingWithoutScrollingSideways(person: PersonFactory, scheme: str, room: str) -> None:
    """From the lobby to nine people, upright; the controls stay in reach of a thumb."""
    alice = person("Alice B", color_scheme=scheme, **_PHONE).open(room)
    expect(alice.page.get_by_role("button", name="Join the room")).to_be_in_viewport()
    assert alice.overflow() == 0
    alice.screenshot(f"phone-{scheme}-lobby")
    alice.enter(f"{room}-{scheme}", testPicture=True)
    assert alice.overflow() == 0
    alice.screenshot(f"phone-{scheme}-alone")
    alice.page.evaluate(_GUESTS, 8)
    expect(alice.tiles).to_have_count(9)
    assert alice.overflow() == 0
    alice.screenshot(f"phone-{scheme}-nine")
    for button in ("Mute", "Camera off", "Details", "Hang up"):
        expect(alice.page.get_by_role("button", name=button)).to_be_in_viewport(ratio=1)
        box = alice.page.get_by_role("button", name=button).bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
    _expectTiled(alice.page)


@pytest.mark.parametrize(("width", "selector"), [(1280, ".controls span"), (390, ".controls span"), (320, ".brand")])
def test_labelsStayOnOneLine(person: PersonFactory, room: str, width: int, selector: str) -> None:
    """Also the longest label, which is that of someone without a microphone."""
    alice = person("Alice B", devices=width == 390, viewport={"width": width, "height": 700}).enter(room)
    lines = "(all) => all.map((element) => { const range = document.createRange(); range.selectNode(element.lastChild);"
    lines += " return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size; })"
    assert max(alice.page.locator(f"{selector}:visible").evaluate_all(lines)) == 1
    assert alice.overflow() == 0


@pytest.mark.parametrize(
    ("size", "people", "share"),
    [
        ((1280, 800), 1, 0.6),
        ((1280, 800), 2, 0.6),
        ((1280, 800), 3, 0.6),
        ((1280, 800), 5, 0.7),
        ((1280, 800), 9, 0.7),
        ((390, 844), 2, 0.9),
        ((390, 844), 5, 0.7),
        ((844, 390), 4, 0.5),
    ],
)
def test_tilesShareTheWindowWell(
    person: PersonFactory, room: str, size: tuple[int, int], people: int, share: float
) -> None:
    """They fill most of it, overlap nowhere and are all of one size."""
    alice = person("Alice B", viewport={"width": size[0], "height": size[1]}).enter(room, testPicture=True)
    alice.page.evaluate(_GUESTS, people - 1)
    expect(alice.tiles).to_have_count(people)
    alice.screenshot(f"tiles-{size[0]}x{size[1]}-{people}")
    boxes, stage = _expectTiled(alice.page)
    covered = sum(box["width"] * box["height"] for box in boxes)
    assert covered >= share * stage["width"] * stage["height"]


def _expectTiled(page: Page) -> tuple[list[dict[str, float]], dict[str, float]]:
    """All tiles lie inside their list and beside each other; their boxes, and the list's."""
    page.evaluate(_FINISH)
    measure = "(element) => element.getBoundingClientRect().toJSON()"
    stage: dict[str, float] = page.locator("#tiles").evaluate(measure)
    boxes: list[dict[str, float]] = page.locator("#tiles > *").evaluate_all(f"(all) => all.map({measure})")
    for box in boxes:
        assert box["x"] >= stage["x"] - 0.5
        assert box["y"] >= stage["y"] - 0.5
        assert box["x"] + box["width"] <= stage["x"] + stage["width"] + 0.5
        assert box["y"] + box["height"] <= stage["y"] + stage["height"] + 0.5
    for one, other in itertools.combinations(boxes, 2):
        beside = one["x"] + one["width"] <= other["x"] + 0.5 or other["x"] + other["width"] <= one["x"] + 0.5
        above = one["y"] + one["height"] <= other["y"] + 0.5 or other["y"] + other["height"] <= one["y"] + 0.5
        assert beside or above
    assert len({(box["width"], box["height"]) for box in boxes}) == 1
    return boxes, stage


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_thePageFollowsTheLightAndCanBeRead(person: PersonFactory, room: str, scheme: str) -> None:
    """Dark or light as the system is, with the contrast that WCAG 2.2 (1.4.3) asks for."""
    alice = person("Alice B", color_scheme=scheme).open(room)
    alice.screenshot(f"lobby-{scheme}")
    ground = _luminance(alice.page, "body", "backgroundColor")
    assert (ground > 0.5) == (scheme == "light")
    pairs = [("h1", ".entrance"), ("#lead", ".entrance"), ("label", ".entrance"), ("#media-hint", "body")]
    pairs += [("#enter", "#enter"), ("input", "input"), ("#use-test-picture", "#use-test-picture")]
    alice.page.locator("#problem").evaluate("(element) => { element.textContent = 'Something is wrong.'; }")
    pairs.append(("#problem", ".entrance"))
    for text, behind in pairs:
        assert _contrast(alice.page, text, behind) >= 4.5, (text, behind)
    alice.enter(f"{room}-{scheme}")
    for text, behind in [("#status", "body"), ("#copy-link", "#copy-link"), ("#microphone", "#microphone")]:
        assert _contrast(alice.page, text, behind) >= 4.5, (text, behind)
    assert _contrast(alice.page, "#hang-up", "#hang-up") >= 3, "a large label with an icon"


def _contrast(page: Page, text: str, behind: str) -> float:
    lighter, darker = sorted(
        (_luminance(page, text, "color"), _luminance(page, behind, "backgroundColor")), reverse=True
    )
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(page: Page, selector: str, style: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    color: str = page.locator(selector).first.evaluate(f"(element) => getComputedStyle(element).{style}")
    channels = [float(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_aRefusedJoinIsExplained(person: PersonFactory, server: ServerFactory) -> None:
    """The page returns to the lobby and says why, in words of its own; the next try may succeed."""
    process = server({"web": {"demo": True}, "limits": {"name_characters": 20}})
    alice = person("Alice", url=process.url).open("a-room-name-that-is-too-long")
    alice.page.get_by_role("button", name="Join the room").click()
    expect(alice.page.get_by_role("alert")).to_contain_text("The server does not accept this room name")
    expect(alice.page.get_by_role("button", name="Join the room")).to_be_focused()
    alice.page.get_by_label("Room").fill("short")
    alice.page.get_by_role("button", name="Join the room").click()
    expect(alice.status).to_have_text("Waiting for others")


def test_aRoomNeedsAName(person: PersonFactory) -> None:
    """Said beside the field, which gets the focus."""
    alice = person("Alice").open()
    alice.page.get_by_label("Room").fill("  ")
    alice.page.get_by_role("button", name="Join the room").click()
    expect(alice.page.get_by_role("alert")).to_have_text("Enter a room name.")
    expect(alice.page.get_by_label("Room")).to_be_focused()


def test_whatOthersSendIsTextAndNeverMarkup(person: PersonFactory, room: str) -> None:
    """A name is shown as it was typed."""
    name = '<img src="x" onerror="alert(1)">'
    alice = person("Alice").enter(room, testPicture=True)
    person(name).enter(room, testPicture=True)
    expect(alice.page.locator("#tiles .who").nth(1)).to_have_text(name)


def test_thePolicyOfThePageIsEnforced(person: PersonFactory, room: str) -> None:
    """What every test of this folder relies on: a breach of the content security policy would be noticed."""
    alice = person("Alice").open(room)
    breach: Any = alice.page.evaluate("""() => new Promise((resolve) => {
        document.addEventListener("securitypolicyviolation", ({ violatedDirective }) => resolve(violatedDirective));
        document.body.append(Object.assign(document.createElement("script"), { textContent: "window.broken = true;" }));
    })""")
    assert breach == "script-src-elem"
    assert alice.page.evaluate("window.broken") is None
    found = list(alice.troubles())
    assert any("script-src-elem" in each for each in found)
    alice.forgive()
