"""conf/proxy.yaml as it is shipped, its addresses alone replaced, in front of a whole site, and Chromium on that."""

import hashlib
import pathlib
import subprocess

import pytest

from conftest import HERE, START
from harness import secrets
from harness.documents import ROOT
from harness.process import end, spawn
from harness.wait import wait_for

DATA = (b"Sluice" * 4_000_000)[:20_000_000]


@pytest.fixture
def gateway(make_gateway, folder):
    with open(pathlib.Path(folder) / "site.log", "ab") as log:
        site = spawn(["node", "apps/site.mjs"], cwd=HERE, stdout=subprocess.PIPE, stderr=log)
    app = site.stdout.readline().decode().strip()
    text = (ROOT / "conf/proxy.yaml").read_text(encoding="utf-8")
    for line, own in (("listen: 127.0.0.1:8080\n", "listen: 127.0.0.1:0\n"),
                      ("  listen: 127.0.0.1:8081 ", "  listen: 127.0.0.1:0 "),
                      ("    servers: [127.0.0.1:3000]\n", f"    servers: [127.0.0.1:{app}]\n")):
        assert text.count(line) == 1
        text = text.replace(line, own)
    token = secrets.make("publish")
    gateway = make_gateway(start=False, environment={"SLUICE_PUBLISH_TOKEN": token})
    gateway.config_path.write_text(text, encoding="utf-8")
    gateway.token, gateway.site = token, site
    yield gateway.start()
    end(site)
    site.stdout.close()


@pytest.fixture
def page(gateway, open_page):
    page = open_page("http://%s:%d/" % gateway.address)
    page.wait(lambda: page.of("text"), "the page is shown", START)
    return page


def result(page, is_there):
    """The text in the frame that the page's forms answer to, once it is there."""
    text = lambda: page.evaluate("frames.result.document.body?.innerText ?? ''")
    wait_for(lambda: is_there(text()), "the form is answered")
    return text()


def test_page_with_all_that_it_needs(page):
    page.wait(lambda: "Hello stranger" in page.of("text")[-1]["text"], "the script has run")
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(1, 2, 3)"
    assert page.evaluate("document.querySelector('img').naturalWidth") == 7
    assert not page.of("pageerror") and not page.of("requestfailed")


def test_form_with_a_session_and_a_redirect(page):
    page.evaluate("""document.querySelector('#login input').value = 'ada';
                     document.querySelector('#login').submit()""")
    assert result(page, lambda text: "you are" in text) == "you are ada"


def test_file_is_uploaded(page):
    page.evaluate("""{
      const files = new DataTransfer();
      files.items.add(new File(['Sluice'.repeat(4000000).slice(0, 20000000)], 'data.bin'));
      document.querySelector('#upload input').files = files.files;
      document.querySelector('#upload').submit();
    }""")
    expected = f"20000000 {hashlib.sha256(DATA).hexdigest()}"
    assert result(page, lambda text: text.startswith("2")) == expected


def test_file_is_downloaded(page):
    page.evaluate("document.querySelector('a').click()")
    page.wait(lambda: page.of("download"), "it is downloaded", START)
    (download,) = page.of("download")
    assert download["name"] == "data.bin"
    assert pathlib.Path(download["path"]).read_bytes() == DATA


def test_events_of_the_app(page):
    numbers = page.evaluate("""new Promise((resolve, reject) => {
      const numbers = [];
      const source = new EventSource('/numbers');
      source.onerror = () => reject(new Error('broken'));
      source.onmessage = ({data}) => {
        if (numbers.push(Number(data)) < 50) return;
        source.close();
        resolve(numbers);
      };
    })""")
    assert numbers == list(range(50))


def test_topic_that_the_app_hands_over_to(gateway, page):
    page.evaluate("""document.querySelector('#login input').value = 'ada';
                     document.querySelector('#login').submit()""")
    result(page, lambda text: "you are" in text)
    page.evaluate("""window.live = [];
                     window.source = new EventSource('/live');
                     source.onopen = () => live.push('open');
                     source.onmessage = ({data}) => live.push(data)""")
    wait_for(lambda: page.evaluate("live") == ["open"], "the stream is open")
    gateway.wait_metric("sluice_subscribers", 1, topic="user")
    answer = gateway.fetch("POST", "/publish/user:ada", [("Authorization", f"Bearer {gateway.token}")], "hello ada")
    assert answer.status == 202
    wait_for(lambda: page.evaluate("live") == ["open", "hello ada"], "the event is there")
    page.evaluate("source.close()")
    gateway.wait_metric("sluice_subscribers", 0, topic="user")


def test_websocket(page):
    said = page.evaluate("""new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${location.host}/socket`);
      const said = [];
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => { socket.send('hello'); socket.send(new Uint8Array(1000000)); };
      socket.onmessage = ({data}) => {
        said.push(data.length ?? data.byteLength);
        if (said.length === 2) socket.close(1000);
      };
      socket.onclose = ({code}) => resolve([...said, code]);
      socket.onerror = () => reject(new Error('broken'));
    })""")
    assert said == [5, 1000000, 1000]


def test_what_is_not_the_browsers_business(gateway):
    assert gateway.fetch("GET", "/internal/events/users/ada").status == 404
    assert gateway.fetch("GET", "/live").status == 401
    assert gateway.fetch("POST", "/publish/user:ada", [], "x").status == 401
    assert gateway.fetch("POST", "/", [("Content-Length", "2000000")]).status == 413


def test_while_the_app_is_away(gateway):
    end(gateway.site)
    answer = gateway.fetch("GET", "/")
    assert (answer.status, answer.body) == (502, b"The app is not there. Please come back in a minute.\n")
    assert answer.get("content-type").startswith("text/plain")
