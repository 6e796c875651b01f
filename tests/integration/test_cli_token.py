"""`sluice token` mints tokens that the gateway takes, and `sluice explain` says beforehand what it answers."""

import json
import subprocess

import pytest

from harness import gateway as binary
from harness import jwt, secrets

SECRET = "the key that a configuration of these tests has"


def scheme(**more):
    return {"token": {"query": "token", "cookie": "session", "bearer": True},
            "jwt": {"algorithms": ["HS256"], "secret": SECRET, "issuer": "me", "audience": "you"}, **more}


def guarded(members=None, **more):
    return {"auth": {"members": members or scheme(),
                     "partners": {"token": {"query": "key"},
                                  "static": [{"token": secrets.make("partner"), "subject": "acme",
                                              "topics": ["news"], "publish": ["news"]}]}},
            "topics": {"news": {"auth": "members", "format": "json", "filter": ["type"],
                                "history": {"events": 77}, "replay": {"initial": 5}},
                       "room": {"path": "/events/rooms/{id}", "channel": "room:{id}",
                                "auth": "members"},
                       "open": {"path": "/events/open"}},
            "publish": [{"path": "/publish/{topic}", "auth": "members"},
                        {"path": "/partners/{topic}", "auth": "partners"}], **more}


@pytest.fixture
def gateway(make_gateway):
    return make_gateway(guarded())


def run(gateway, *arguments, **environment):
    return binary.run(*arguments, "-c", gateway.config_path, folder=gateway.folder,
                      environment=environment)


def mint(gateway, *arguments):
    code, output, errors = run(gateway, "token", "--auth", "members", *arguments)
    assert (code, errors) == (0, "") and output.count("\n") == 1
    return secrets.register(output.strip())


def status(gateway, target, token):
    return gateway.fetch("HEAD", target, [("Authorization", f"Bearer {token}")]).status


def explain(gateway, url, *arguments, **environment):
    """(exit code, {name: value})"""
    code, output, errors = run(gateway, "explain", url, *arguments, **environment)
    assert errors == ""
    lines = {}
    for line in output.splitlines():
        name, _, value = line.partition(" ")
        lines[name] = value.strip()
    return code, lines, output


def test_a_token_opens_what_it_names_and_nothing_else(gateway):
    token = mint(gateway, "--sub", "alice", "--topics", "news,room:4*", "--publish", "news")
    assert status(gateway, "/events/news", token) == 200
    assert status(gateway, "/events/rooms/42", token) == 200
    assert status(gateway, "/events/rooms/52", token) == 403
    publish = [("Authorization", f"Bearer {token}")]
    assert gateway.fetch("POST", "/publish/news", publish, "{}").status == 202
    assert gateway.fetch("POST", "/publish/room:42", publish, "{}").status == 403


def test_without_lists_the_scheme_s_rights_apply_and_an_empty_list_grants_nothing(gateway):
    assert status(gateway, "/events/rooms/42", mint(gateway)) == 200
    token = mint(gateway, "--publish", "")
    assert status(gateway, "/events/news", token) == 200
    assert gateway.fetch("POST", "/publish/news", [("Authorization", f"Bearer {token}")],
                         "{}").status == 403


def test_the_claims_are_those_that_were_asked_for(gateway):
    token = mint(gateway, "--sub", "alice", "--ttl", "2m")
    payload = token.split(".")[1]
    claims = json.loads(jwt.base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    left = claims.pop("exp") - jwt.time.time()
    assert 100 < left <= 121
    assert claims == {"iss": "me", "aud": "you", "sub": "alice"}


@pytest.mark.parametrize("algorithm, generate", [
    ("RS256", ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ("PS256", ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ("ES256", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("EdDSA", ["genpkey", "-algorithm", "ed25519"])])
def test_with_a_private_key_it_signs_for_a_scheme_that_has_the_public_one(
        make_gateway, folder, algorithm, generate):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    for name in ("own", "other"):
        openssl(*generate, "-out", f"{folder}/{name}.pem")
        openssl("pkey", "-in", f"{folder}/{name}.pem", "-pubout", "-out", f"{folder}/{name}.pub")
    gateway = make_gateway(guarded(
        {"token": {"bearer": True},
         "jwt": {"algorithms": [algorithm], "public_key": f"{folder}/own.pub"}}))
    token = mint(gateway, "--key", f"{folder}/own.pem")
    assert status(gateway, "/events/news", token) == 200
    for arguments, advice in (([], "--key FILE"), (["--key", f"{folder}/other.pem"], "private half"),
                              (["--key", f"{folder}/own.pub"], "own.pub"),
                              (["--key", f"{folder}/none.pem"], "none.pem")):
        code, output, errors = run(gateway, "token", "--auth", "members", *arguments)
        assert (code, output) == (1, ""), arguments
        assert advice in errors and errors.count("\n") == 1


def test_what_it_cannot_mint_is_said_with_advice(gateway):
    for arguments, code, advice in (
            (["--auth", "nobody"], 1, "members, partners"), (["--auth", "partners"], 1, "static"),
            (["--auth", "members", "--topics", ",".join(f"t{n}" for n in range(300))], 1, "patterns"),
            ([], 2, "--auth"), (["--auth", "members", "--ttl", "5"], 2, "--ttl"),
            (["--auth", "members", "--ttl", "0s"], 2, "--ttl")):
        got, output, errors = run(gateway, "token", *arguments)
        assert (got, output) == (code, ""), (arguments, errors)
        assert advice in errors and errors.count("\n") == 1 and SECRET not in errors


def test_publish_takes_a_minted_token_to_where_the_scheme_looks(make_gateway):
    partner = secrets.make("partner")
    for places in ({"bearer": True}, {"query": "key"}, {"cookie": "session"}):
        gateway = make_gateway(guarded({**scheme(), "token": places}))
        gateway.restart()
        environment = {"SLUICE_TOKEN": mint(gateway)}
        code, output, errors = run(gateway, "publish", "news", "{}", **environment)
        assert (code, errors) == (0, ""), places
        assert output.strip()
        gateway.stop()
    assert partner not in errors


def test_tail_takes_a_minted_token_and_stops_without_one(gateway):
    url = "http://%s:%d/events/news" % gateway.address
    token = mint(gateway)
    with gateway.subscribe(headers=[("Authorization", f"Bearer {token}")]):
        gateway.fetch("POST", "/publish/news", [("Authorization", f"Bearer {token}")], "{}")
        code, output, _ = binary.run("tail", url, "-n", "1", "--token", token)
        assert (code, output) == (0, "{}\n")
    code, _, errors = binary.run("tail", url)
    assert code == 1
    assert "401 Unauthorized: a token is needed" in errors and "SLUICE_TOKEN" in errors


# What explain says and what the gateway then does are compared, one by one.

TOKENS = {
    "good": lambda gateway: mint(gateway, "--topics", "news,room:1"),
    "forbidden": lambda gateway: mint(gateway, "--topics", "other"),
    "missing": lambda gateway: "",
    "foreign": lambda gateway: jwt.make("another key", iss="me", aud="you"),
    "expired": lambda gateway: jwt.make(SECRET, -60, iss="me", aud="you"),
}
TARGETS = ["/events/news", "/events/rooms/1", "/events/rooms/2", "/events/open", "/nowhere",
           "/events/news/", "/publish/news", "/publish/nowhere", "/publish/room:1",
           "/publish/numbers", "/events/rooms/a%00b", "/events/news?token=b4d-token", "/events/%zz"]


@pytest.mark.parametrize("make_token", TOKENS.values(), ids=TOKENS.keys())
def test_explain_says_what_the_gateway_does(make_gateway, make_token):
    gateway = make_gateway(guarded(topics={
        **guarded()["topics"], "numbers": {"path": "/numbers", "source": "metrics"}}))
    token = make_token(gateway)
    headers = [("Authorization", f"Bearer {token}")] if token else []
    for target in TARGETS:
        method, body = ("POST", "{}") if target.startswith("/publish") else ("HEAD", None)
        answer = gateway.fetch(method, target, headers, body).status
        code, lines, output = explain(gateway, target, *(["--token", token] if token else []))
        assert lines["answer"].startswith(f"{answer} "), (target, lines, answer)
        assert code == (0 if answer in (200, 202) else 1)
        assert "b4d-token" not in output and not (token and token in output)


def test_explain_tells_route_channel_identity_history_and_limits(gateway):
    token = mint(gateway, "--sub", "alice", "--topics", "room:*", "--publish", "")
    code, lines, output = explain(
        gateway, f"http://127.0.0.1:8080/events/rooms/4%202?token={token}&type=x")
    assert code == 0
    assert lines["route"] == "topic room (path /events/rooms/{id}; id = 4 2)"
    assert lines["channel"] == "room:4 2 (memory broker)"
    assert lines["auth"] == ("scheme members, which looks in: query parameter token, cookie session, "
                             "Authorization: Bearer")
    assert lines["token"] == "from query parameter token"
    assert lines["subject"] == "alice" and "in 359" in lines["expires"]
    assert lines["may"] == "read: room:*; publish: none"
    assert lines["cors"].startswith("none")
    assert token not in output
    code, lines, output = explain(gateway, "/events/news?type=alert", "--cookie", f"session={token}")
    assert code == 1
    assert lines["token"] == "from cookie session" and token not in output
    assert lines["filter"] == "type = alert"
    assert "77 events" in lines["history"] and "5 of them" in lines["history"]
    assert lines["answer"] == "403 Forbidden: the token does not allow this"


def test_explain_tells_where_a_message_would_go(gateway):
    code, lines, _ = explain(gateway, "/publish/room:7", SLUICE_TOKEN=mint(gateway))
    assert code == 0
    assert lines["topic"] == "room (path /events/rooms/{id})"
    assert lines["channel"] == "room:7 (memory broker)"
    assert lines["answer"] == "202 Accepted"


def test_explain_says_that_a_token_lies_where_the_scheme_does_not_look(gateway):
    code, lines, _ = explain(gateway, "/partners/news", "--token", secrets.make("elsewhere"))
    assert code == 1
    assert lines["auth"] == "scheme partners, which looks in: query parameter key"
    assert lines["token"] == "none found there"
    assert lines["answer"] == "401 Unauthorized: a token is needed"


def test_explain_says_why_nothing_matches(gateway):
    code, lines, _ = explain(gateway, "/events/nwes")
    assert code == 1 and lines["route"] == "none"
    assert "/events/news" in lines["answer"]
    assert "slash" in explain(gateway, "/events/news/")[1]["answer"]


def test_explain_works_while_no_gateway_runs(make_gateway):
    gateway = make_gateway({"demo": True, "broker": "redis"}, start=False)
    assert explain(gateway, "/")[0] == 0
    code, lines, _ = explain(gateway, "/events/news")
    assert (code, lines["channel"]) == (0, "news (Redis)")
    assert lines["auth"].startswith("none")


def test_wrong_usage_is_2(gateway):
    for arguments in ([], ["ftp://x/"], ["events/news"], ["/a b"], ["/x", "--token", "s3 cret"],
                      ["/x", "--cookie", "a\nb"]):
        code, output, errors = run(gateway, "explain", *arguments)
        assert (code, output) == (2, ""), arguments
        assert errors.count("\n") == 1 and "s3 cret" not in errors
