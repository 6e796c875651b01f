"""Plays a page of the documentation: does with each block what its language and its comment ask for."""

import json
import re
import subprocess

import yaml

from harness import gateway
from harness.documents import ROOT, fault
from harness.scene import Scene

# What a fragment of a configuration is laid over: by top-level key.
BASE = {
    "listen": "listen: 127.0.0.1:8080\n",
    "topics": "topics:\n  news: {path: /events/news}\n",
}


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


def play(scene, block, opened, open_page):
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
    elif block.has("page"):
        page = scene.page(block.words["page"], open_page)
        scene.shows(page.text, block.text, f"the page at {block.words['page']}")
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


def play_scene(folder, scene_blocks, open_page=None):
    """Plays a scene in an empty folder; whatever is not as the page says is an AssertionError that names
    the place. `open_page(url)` gives a browser's page that has `text()`."""
    scene = Scene(folder)
    block, opened = None, None
    try:
        for block in scene_blocks:
            assert fault(block) is None, fault(block)
            assert block.language != "sh" or scene_blocks[0].has("scene") or block.has("skip"), (
                "commands need a scene")
            opened = play(scene, block, opened, open_page)
    except AssertionError as wrong:
        raise AssertionError(f"{block.place}: {wrong}") from None
    finally:
        scene.close()
