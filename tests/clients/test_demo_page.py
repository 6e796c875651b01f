"""The demo page, in Chromium."""


def test_demo_page_shows_events_live(make_gateway, open_page):
    gateway = make_gateway({"demo": True})
    page = open_page("http://%s:%d/" % gateway.address)
    gateway_text = lambda: (page.of("text") or [{"text": ""}])[-1]["text"]
    page.wait(lambda: gateway.metric("sluice_subscribers", topic="news") >= 1,
              "the page has subscribed", 30)
    gateway.publish("news", "hello <b>page</b>")
    page.wait(lambda: "hello <b>page</b>" in gateway_text(), "the page shows the event")
    assert page.of("pageerror") == []
