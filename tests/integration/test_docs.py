"""The documentation is run: each command in it works as it is written and prints what the page says. See
harness/documents.py for what a block must declare."""

import json
import pathlib
import re
import subprocess

import pytest
import yaml

from harness import gateway
from harness.documents import ROOT, blocks, documents, fault, scenes
from harness.scene import Scene

# How many blocks may be left out, for the reasons that harness.documents lists.
MOST_SKIPPED = 8

# What a fragment of a configuration is laid over: by top-level key.
BASE = {
    "listen": "listen: 127.0.0.1:8080\n",
    "topics": "topics:\n  news: {path: /events/news}\n",
}
SCENES = [pytest.param(scene, id=f"{path}:{scene[0].line}")
          for path in documents() for scene in scenes(path)]


def check_config(scene, block):
    path = scene.write(block.words.get("file", "checked.yaml"), block.text)
    code, _, errors = gateway.run("-t", "-c", path, folder=scene.folder)
    assert code == 0, errors


def check_part(scene, block):
    """A fragment of a configuration must be valid in its place."""
    text = block.text
    if block.words["part"] is not True:
        *keys, last = block.words["part"].split(".")
        indent = "".join(f"{'  ' * depth}{key}:\n" for depth, key in enumerate([*keys, last]))
        own = re.sub("^(?=.)", "  " * (len(keys) + 1), text, flags=re.MULTILINE)
        text = indent + own
        if keys == ["topics"] and not re.search(r"^\s*path:", own, re.MULTILINE):
            text += "    path: /events/part\n"
    given = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    text = "".join(part for key, part in BASE.items() if key not in given) + text
    path = scene.write("part.yaml", text)
    code, _, errors = gateway.run("-t", "-c", path, folder=scene.folder)
    assert code == 0, f"{errors}\n{text}"


def check_script(scene, block, text=None):
    path = scene.write(block.words.get("file", "script.mjs") if text is None else "script.mjs",
                       block.text if text is None else text)
    check = subprocess.run(["node", "--check", path], capture_output=True, text=True, timeout=30)
    assert check.returncode == 0, check.stderr


def check_page(scene, block):
    scene.write(block.words.get("file", "page.html"), block.text)
    for script in re.findall(r"<script\b[^>]*>(.*?)</script>", block.text, re.DOTALL):
        check_script(scene, block, script)


def check_excerpt(block):
    """Each line of the block is in the file, in this order."""
    lines = iter((ROOT / block.words["excerpt"]).read_text(encoding="utf-8").splitlines())
    for line in block.text.splitlines():
        if line.strip() not in ("", "...", "…"):
            assert any(line.strip() == other.strip() for other in lines), (
                f"{block.words['excerpt']} has no such line there: {line}")


def check_text(scene, block, opened):
    if block.has("stream") or opened:
        job = scene.stream
        assert job, "no stream is open"
        scene.shows(lambda: job.output, block.text, f"{block.place}: the stream of\n{job.command}")
    else:
        scene.check_printed(block.text)


def play(scene, block, opened):
    """Does with a block what its language asks for. Gives the stream that it opened."""
    scene.start(block.words)
    if block.has("excerpt"):
        check_excerpt(block)
    elif block.has("figure"):
        pass
    elif block.language == "sh":
        if block.has("skip"):
            assert subprocess.run(["bash", "-n"], input=block.text, text=True).returncode == 0
            return None
        return scene.run(block)
    elif block.language == "text":
        check_text(scene, block, opened)
        return opened
    elif block.has("config"):
        check_config(scene, block)
    elif block.has("part"):
        check_part(scene, block)
    elif block.has("other"):
        assert yaml.safe_load(block.text)
    elif block.language == "js":
        check_script(scene, block)
    elif block.language == "html":
        check_page(scene, block)
    elif block.language == "python":
        compile(block.text, block.place, "exec")
    elif block.language == "json":
        json.loads(block.text)
    elif block.has("file"):
        scene.write(block.words["file"], block.text)
    return None


def play_scene(folder, scene_blocks):
    scene = Scene(folder)
    block, opened = None, None
    try:
        for block in scene_blocks:
            assert fault(block) is None, fault(block)
            assert block.language != "sh" or scene_blocks[0].has("scene") or block.has("skip"), (
                "commands need a scene")
            opened = play(scene, block, opened)
    except AssertionError as wrong:
        raise AssertionError(f"{block.place}: {wrong}") from None
    finally:
        scene.close()


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
