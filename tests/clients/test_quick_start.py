"""Pages of the documentation that end in a browser, played from their first command to what it shows."""

import pytest

from harness.documents import documents, scenes
from harness.player import play_scene

SCENES = [pytest.param(scene, id=f"{path}:{scene[0].line}")
          for path in documents() for scene in scenes(path)
          if any(block.has("page") for block in scene)]


class Page:
    def __init__(self, client):
        self.client = client

    def text(self):
        texts = self.client.of("text")
        return texts[-1]["text"] if texts else ""


def test_quick_start_is_one_of_them():
    assert any(scene[0].path == "docs/quick-start.md" for page in SCENES for scene in page.values)


@pytest.mark.parametrize("scene_blocks", SCENES)
def test_own_events_arrive_in_an_own_page(folder, open_page, scene_blocks):
    play_scene(folder, scene_blocks, lambda url: Page(open_page(url)))
