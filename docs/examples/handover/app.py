#!/usr/bin/python3
"""An app that hands its browsers over: it knows who they are, and Sluice holds their streams."""

import http.cookies
import http.server
import os
import secrets
import urllib.error
import urllib.parse
import urllib.request

PORT = int(os.environ.get("PORT", "3000"))
SLUICE = os.environ.get("SLUICE_URL", "http://127.0.0.1:8080")
TOKEN = os.environ.get("SLUICE_PUBLISH_TOKEN", "")
SESSIONS = {}  # a real app keeps them elsewhere, and asks for a password


def notify(user, text):
    topic = urllib.parse.quote(f"user:{user}", safe="")
    request = urllib.request.Request(f"{SLUICE}/publish/{topic}", data=text, method="POST",
                                     headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=10):
            return 204
    except urllib.error.URLError:
        return 502


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def user(self):
        cookies = http.cookies.SimpleCookie(self.headers.get("Cookie", ""))
        session = cookies.get("session")
        return SESSIONS.get(session.value) if session else None

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        user = self.user()
        if urllib.parse.urlsplit(self.path).path != "/events":
            self.answer(404, b"There is nothing here.\n")
        elif not user:
            self.answer(401, b"Log in first.\n")
        else:
            path = "/internal/events/users/" + urllib.parse.quote(user, safe="")
            self.answer(200, X_Accel_Redirect=path)

    def do_POST(self):
        url = urllib.parse.urlsplit(self.path)
        name = urllib.parse.parse_qs(url.query).get("user", [""])[0]
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if url.path == "/login":
            session = secrets.token_hex(16)
            SESSIONS[session] = name
            self.answer(204, Set_Cookie=f"session={session}; HttpOnly; SameSite=Lax; Path=/")
        elif url.path != "/notify":
            self.answer(404, b"There is nothing here.\n")
        elif not self.user():
            self.answer(401, b"Log in first.\n")
        else:
            self.answer(notify(name, body))

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", PORT), App).serve_forever()
