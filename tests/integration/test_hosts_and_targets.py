"""Spellings of a host and of a request target: each is refused, and nobody hears of it, or has one meaning,
which the upstream and the router share. A host counts the same in Host and in an absolute target."""

import pytest

from harness.origin import answer

OK = answer(b"ok")
# Of IPv4, IPv6 and names; no client means another host by these than any server would.
HOSTS = [
    "l", "L", "www.abcd-ef.g02.xyz", "www.abcd-ef.g02.xyz:10", "abcd-ef.g02.xyz:8080", "abcd-ef.g02.xyz:",
    "www.abcd-ef.g02.xyz.", "abcd-ef.g02.xyz.:88", "AbC-d93.0.34ZhGt-s.nk.Ru:88", "a_b.example", "123.40.56.78",
    "123.49.0.78:987", "123.40.56.78:", "[abcd::ef98:0:7654:321]", "[abcd::ef98:0:7654:321]:80", "[::ffff:12.30.67.89]",
    "[::123.45.67.89]:4321", "localhost:0", "localhost:65535", "localhost:00080", "xn--nxasmq6b.example"]
BAD_HOSTS = [
    "", ":80", ".", "..", ".:80", "..examp-le.com", "com.exa-m.45..:", "a..b", "a.b..", "example.com.:1.2", "123.49.0.78:98777",
    "123.40.56.78:9000:80", "a:b", "a:-1", "a:+80", "a: 80", "a:8 0", "a:0x50", "a:65536", "a:999999999999", "example.com\\:552",
    "\\example.com", "a b", "a@b", "user:pass@a", "a#b", "a,b", "\"a\"", "<a>", "a|b", "a^b", "a`b", "{a}", "a%", "a%2", "a%zz", "a%00",
    "a%2fb", "a%40b", "[", "]", "[]", "[]:80", "[:", "[::1", "::1", "::1]", "[abcd::ef98:0:7654:321].", "[abcd::ef98:0:7654:321].:98",
    "[abcd::ef98:0:7654:321]..:98", "[ab..cd::ef98:0:7654:321]", "extra[abcd::ef98:0:7654:321]:98", "[::1]x", "[::1]:x", "[::1]80",
    "[abcd::e\\f98:0:7654:321]", "[::g]", "[::1%25lo]", "[12345::]", "[1:2:3:4:5:6:7:8:9]", "[:::]", "[1::2::3]", "[::1.2.3]",
    "[1.2.3.4]", "[::1:]", "[v1.a]", "a\x7f", "a\x02", "\xe4.example", "a\u00adb"]


def sent(gateway, head):
    """The answer to one request head."""
    with gateway.connect() as connection:
        connection.send(head.encode("latin-1") + b"Connection: close\r\n\r\n")
        return connection.response()


def forms(host):
    """The host in the field, and in the target."""
    return [f"GET /x HTTP/1.1\r\nHost: {host}\r\n", f"GET http://{host}/x HTTP/1.1\r\nHost: {host or 'test'}\r\n"]


@pytest.mark.parametrize("host", HOSTS)
def test_host_is_one_in_both_forms(make_proxy, host):
    gateway, origin = make_proxy(OK)
    for head in forms(host):
        assert sent(gateway, head).status == 200
    assert [(request.target, request.get("host")) for request in origin.requests] == [("/x", host)] * 2
    assert [request.get("x-forwarded-host") for request in origin.requests] == [host] * 2


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_host_that_is_none_is_refused_in_both_forms(make_proxy, host):
    gateway, origin = make_proxy(OK)
    for head in forms(host):
        response = sent(gateway, head)
        assert response.status == 400 and response.get("connection") == "close", head
    assert origin.connections == []
    assert gateway.fetch("GET", "/").status == 200


def test_port_case_and_dot_do_not_change_the_route(make_gateway, make_origin):
    inner, other = make_origin(answer(b"inner")), make_origin(answer(b"other"))
    gateway = make_gateway({
        "upstreams": {"inner": {"servers": [inner.name]}, "other": {"servers": [other.name]}},
        "routes": [{"path": "/", "upstream": "other"}, {"path": "/", "hosts": ["a.example", "[::1]"], "upstream": "inner"}]})
    for host in ("a.example", "A.EXAMPLE", "a.example:8080", "a.example:", "a.example.", "A.Example.:80", "[::1]", "[::1]:80"):
        for head in forms(host):
            assert sent(gateway, head).body == b"inner", head
    for host in ("b.a.example", "xa.example", "a.example.org", "[::2]", "127.0.0.1"):
        for head in forms(host):
            assert sent(gateway, head).body == b"other", head
    # The target's host is the one that counts, for the router, too (RFC 9112 3.2.2).
    assert sent(gateway, "GET http://a.example/x HTTP/1.1\r\nHost: other\r\n").body == b"inner"
    assert sent(gateway, "GET http://other/x HTTP/1.1\r\nHost: a.example\r\n").body == b"other"
    assert [request.get("host") for request in (inner.requests[-1], other.requests[-1])] == ["a.example", "other"]


@pytest.mark.parametrize("target, seen", [
    ("/foo/bar/.?args", "/foo/bar/?args"), ("/foo/bar/..?args", "/foo/?args"), ("/foo/bar/.", "/foo/bar/"),
    ("/foo/bar/..", "/foo/"), ("/foo/./bar", "/foo/bar"), ("/foo/.bar/..baz/...", "/foo/.bar/..baz/..."),
    ("/foo/%2e/bar", "/foo/bar"), ("/foo/%2E%2e/bar", "/bar"), ("/foo/.%2e/bar", "/bar"), ("/foo?/../bar", "/foo?/../bar"),
    ("http://localhost", "/"), ("http://localhost/", "/"), ("http://localhost?args", "/?args"), ("http://localhost:8080", "/"),
    ("http://localhost:8080/", "/"), ("http://localhost:8080?args", "/?args"), ("HTTP://localhost/x", "/x"),
    ("https://localhost/x", "/x"), ("http://localhost//x", "//x"), ("http://localhost/a/../x", "/x"),
    ("/%20", "/%20"), ("/%7E~", "/%7E~"), ("/a?b?c", "/a?b?c"), ("/a??", "/a??"), ("/?a=\\", "/?a=\\"), ("/a?x=%zz", "/a?x=%zz"),
    ("/a;b", "/a;b"), ("/a%3Bb", "/a%3Bb"), ("/a%5Cb", "/a%5Cb"), ("/a%2Fb", "/a%2Fb"), ("/a%25%32%66b", "/a%25%32%66b"),
    ("/%F0%9F%98%80", "/%F0%9F%98%80"), ("/a%c0%ae%c0%ae/x", "/a%c0%ae%c0%ae/x"), ("//", "//"), ("//a//b", "//a//b"), ("/http://x/", "/http://x/"),
])
def test_target_has_one_meaning(make_proxy, target, seen):
    gateway, origin = make_proxy(OK)
    assert sent(gateway, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n").status == 200
    assert origin.request.target == seen and origin.request.get("host").startswith("localhost")


@pytest.mark.parametrize("target", [
    "/foo/bar%", "/foo/bar%1", "/foo/bar%g1", "/foo/bar%1g", "/%00", "/%0d%0aX: y", "/%0a", "/%02", "/%7f", "/a/%1f/b", "/ /", "/\x02", "/\x7f",
    "/\xff", "/\u00e9", "/foo/bar/.#frag", "/#", "/?#x", "http://localhost?args#frag", "http://localhost#x", "/\\", "/a\\..\\b", "\\", "/..",
    "/../", "/../x", "/a/../..", "/./..", "/%2e%2e", "/%2e%2e/x", "/a/%2e%2e/%2e%2e/x", "/a/..;/b", "/a/..;x=y/b", "/a/.;/b", "/a/%2e%2e;/b",
    "..", "./x", "x", "?x", "x?y", "*", "*x", "**", "localhost", "localhost:80", "user@localhost:80", "//localhost:80\\@evil",
    "http:/x", "http:x", "http:///x", "http://", "http://?x", "http://:80/x", "://localhost/x", "ftp://localhost/x", "file:///etc/passwd",
    "javascript:alert(1)", "http://user@localhost/x", "http://user:pass@localhost/x", "http://localhost\\x", "http://localhost:80:80/x",
    "http://localhost /x", "http://[::1/x", "http://%6cocalhost%2f/x"])
def test_target_that_is_none_is_refused(make_proxy, target):
    gateway, origin = make_proxy(OK)
    response = sent(gateway, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n")
    assert response.status == 400 and response.get("connection") == "close"
    assert origin.connections == []
    assert gateway.fetch("GET", "/").status == 200


def test_asterisk_is_for_options(make_proxy):
    gateway, origin = make_proxy(OK)
    assert sent(gateway, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n").status in (200, 204)
    assert all(request.target == "*" for request in origin.requests)


@pytest.mark.parametrize("target", ["/x%2F..%2Fadmin", "/x/..%2fadmin", "/x/%2e%2e%2Fadmin", "/x%2f%2e%2e/admin"])
def test_dots_behind_an_encoded_slash_are_no_way_out(make_proxy, target):
    """Some servers decode once more before they look: to them it would be /admin."""
    gateway, origin = make_proxy(OK, route={"path": "/x"})
    assert sent(gateway, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n").status in (400, 404)
    assert origin.connections == []
