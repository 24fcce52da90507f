"""People without a camera, or who do not want it to be used."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PersonFactory
from tests.browser.person import OFFER

_BROKEN = "navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{name}'); }};"
_INSECURE = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"


def test_refusedDevicesLeaveATestPictureAndACall(person: PersonFactory, room: str) -> None:
    """The page says what happened and what the others see; they see it move, and nobody waits for a sound."""
    alice, bob = person("Alice"), person("Bob", devices=False)
    alice.enter(room)
    bob.open(room)
    expect(bob.page.locator("#media-hint")).to_contain_text("is not allowed to use the camera")
    bob.screenshot("lobby-without-camera")
    bob.enter(room)
    expect(bob.page.get_by_role("button", name="No mic")).to_be_disabled()
    alice.expectCallWith("Bob")
    bob.expectCallWith("Alice")
    alice.expectMedia("Bob", kinds=("video",))
    bob.expectMedia("Alice")
    expect(alice.tile("Bob")).to_have_attribute("aria-label", "Bob, connected, microphone off")
    assert (alice.begun(OFFER), bob.begun(OFFER)) == (0, 1)


def test_twoPeopleWithoutDevicesSeeEachOther(person: PersonFactory, room: str) -> None:
    """A call needs neither a camera nor a microphone at either end."""
    alice, bob = person("Alice", devices=False).enter(room), person("Bob", devices=False).enter(room)
    alice.expectCallWith("Bob")
    alice.expectMedia("Bob", kinds=("video",))
    bob.expectMedia("Alice", kinds=("video",))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (_BROKEN.format(name="NotFoundError"), "No camera was found"),
        (_BROKEN.format(name="NotReadableError"), "Another program is using the camera"),
        (_BROKEN.format(name="AbortError"), "The camera could not be started"),
        (_INSECURE, "only on secure pages"),
    ],
)
def test_thePageSaysWhyThereIsNoCamera(person: PersonFactory, room: str, script: str, words: str) -> None:
    """In words, and with a test picture in its place."""
    alice = person("Alice")
    alice.page.add_init_script(script)
    alice.open(room)
    expect(alice.page.locator("#media-hint")).to_contain_text(words)
    expect(alice.page.locator("#media-hint")).to_contain_text("the others see a test picture")
    expect(alice.page.get_by_role("button", name="Use the camera")).to_be_visible()


def test_theCameraCanBeAllowedLater(person: PersonFactory, room: str) -> None:
    """A click on "Use the camera" asks again."""
    alice = person("Alice", devices=False).open(room)
    expect(alice.page.locator("#media-hint")).to_contain_text("is not allowed to use the camera")
    alice.page.context.grant_permissions(["camera", "microphone"])
    alice.page.get_by_role("button", name="Use the camera").click()
    expect(alice.page.locator("#media-hint")).to_have_text("This is how the others will see you.")


def test_nobodyWaitsForTheQuestionAboutTheCamera(person: PersonFactory, room: str) -> None:
    """Whoever joins before answering it is there with the test picture, and with the camera once it is allowed."""
    alice, bob = person("Alice").enter(room, testPicture=True), person("Bob")
    bob.page.add_init_script(
        "const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        "const allowed = new Promise((resolve) => { window.allowDevices = resolve; });"
        "navigator.mediaDevices.getUserMedia = (wish) => allowed.then(() => ask(wish));"
    )
    bob.open(room)
    bob.page.get_by_label("Your name").fill("Bob")
    bob.page.get_by_role("button", name="Join the room").click()
    alice.expectCallWith("Bob")
    alice.expectMedia("Bob", kinds=("video",))
    bob.page.evaluate("window.allowDevices()")
    expect(bob.page.get_by_role("button", name="Mute")).to_be_enabled()
    alice.expectMedia("Bob")
