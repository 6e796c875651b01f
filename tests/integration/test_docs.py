"""The documentation is run: each command in it works as it is written and prints what the page says. See
harness/documents.py for what a block must declare."""

import pathlib

import pytest

from harness.documents import blocks, documents, scenes
from harness.player import play_scene

# How many blocks may be left out, for the reasons that harness.documents lists.
MOST_SKIPPED = 6

# tests/clients plays those that need a browser.
SCENES = [pytest.param(scene, id=f"{path}:{scene[0].line}")
          for path in documents() for scene in scenes(path)
          if not any(block.has("page") for block in scene)]


@pytest.mark.parametrize("scene_blocks", SCENES)
def test_each_block_does_what_the_page_says(folder, scene_blocks):
    play_scene(folder, scene_blocks)


LIES = {
    "output": "<!-- test: scene -->\n```sh\necho hello\n```\n\n```text\nhallo\n```\n",
    "promise": "<!-- test: scene -->\n```sh\necho hello  # → hallo\n```\n",
    "exit-code": "<!-- test: scene -->\n```sh\nfalse\n```\n",
    "early-exit-code": "<!-- test: scene exit=1 -->\n```sh\nfalse\nfalse\n```\n",
    "no-scene": "```sh\ntrue\n```\n",
    "reason": "<!-- test: skip=difficult -->\n```sh\ntrue\n```\n",
    "half-a-command": "<!-- test: scene -->\n```sh\nif true; then\n```\n",
    "language": "```cobol\nSTOP RUN.\n```\n",
    "undeclared": "```yaml\nlisten: 127.0.0.1:8080\n```\n",
    "config": "<!-- test: config -->\n```yaml\nlisten: nowhere\n```\n",
    "part": "<!-- test: part -->\n```yaml\nlimits: {conections: 1}\n```\n",
    "place": "<!-- test: part=topics.news -->\n```yaml\nheartbeat: 15\n```\n",
    "script": "```js\nconst = 1;\n```\n",
    "page": "```html\n<script>const = 1;</script>\n```\n",
    "excerpt": "<!-- test: excerpt=conf/sluice.yaml -->\n```yaml\nbroker: none\n```\n",
    "server": "<!-- test: scene gateway=none.yaml -->\n```sh\ntrue\n```\n",
    "package": "<!-- test: scene -->\n```sh\nsudo apt-get install -y no-such-package\n```\n",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_page_that_lies_is_found_out(folder, lie, monkeypatch):
    monkeypatch.setattr("harness.scene.TIMEOUT", 0.3)
    page = pathlib.Path(folder) / "page.md"
    page.write_text(LIES[lie])
    own = pathlib.Path(folder) / "scene"
    own.mkdir()
    with pytest.raises(AssertionError):
        for scene_blocks in scenes(page):
            play_scene(own, scene_blocks)


def test_few_blocks_are_left_out():
    skipped = [block for path in documents() for block in blocks(path) if block.has("skip")]
    assert len(skipped) <= MOST_SKIPPED, [block.place for block in skipped]


def test_commands_are_found():
    """The test itself is worth nothing if it finds no commands."""
    assert sum(block.language == "sh" for path in documents() for block in blocks(path)) >= 4
