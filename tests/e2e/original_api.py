"""The original's API, asked of mlib and of a real FastAPI with pydantic models of the original's shapes: the same
requests, the same answers, field by field. What differs on purpose is in DIFFERENT and in docs/original-api.md."""
import copy
import json
import sys

import bed

sys.path.insert(0, str(bed.ROOT / "bench" / "standin"))
import standin  # noqa: E402

JSON = {"content-type": "application/json"}
WRONG = {"nothing": None, "number": 1, "float": 1.5, "true": True, "text": "x", "list": [], "list of one": [{}], "object": {}}
BROKEN = ["{", '{"a":}', "{}x", "[1,]", '{"a" 1}', '{"a":1,}', '{"a":1', '"abc', "nul", '{"a":tru}', "01", "-", "1.",
          '"\\x"', '"\\u12"', '"\\u12zz"', "{1:2}", "[1 2]", '"a\nb"', "'a'", " ", "[", '{"ü":', '["\\']
# What differs on purpose: (theirs, ours) by the name of the case.
DIFFERENT = {
    "deep": (400, 400), "duplicate": (422, 400), "NaN": (422, 422), "Infinity": (500, 422), "surrogate": (500, 422),
    "no such manifest": (500, 422), "manifest is a path": (500, 422), "placeholder without value": (500, 422),
    "namespace that is no name": (200, 422),
}


def paths(value, at=()):
    """Every path into a JSON value but its root."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield at + (key,)
        if key not in ("params", "tags"):
            yield from paths(inner, at + (key,))


def changed(value, path, change):
    value = copy.deepcopy(value)
    place = value
    for step in path[:-1]:
        place = place[step]
    change(place, path[-1])
    return value


def cases(template, user):
    """(name, method, path, body, headers)"""
    whole = {"template": template, "user": user}
    for path in paths(whole):
        called = ".".join(map(str, path))
        wrongs = [(f"{called} missing", lambda place, key: place.pop(key))]
        wrongs += [(f"{called} is {name}", lambda place, key, value=value: place.__setitem__(key, value))
                   for name, value in WRONG.items()]
        for name, change in wrongs:
            yield name, "POST", "/create", changed(whole, path, change), JSON
            if path[0] == "template" and len(path) > 1:
                yield f"bare {name}", "POST", "/validate_template", changed(template, path[1:], change), JSON
    for text in BROKEN:
        yield f"broken {text!r}", "POST", "/create", text.encode(), JSON
    for target in ("/create", "/validate_template"):
        for name, body in {"empty": b"", "null": b"null", "list": b"[]", "text": b'"x"', "number": b"3", "true": b"true",
                           "object": b"{}", "blank": b" ", "mark": b"\xef\xbb\xbf{}", "no UTF-8": b'{"a":"\xff"}',
                           "deep": b"[" * 100_000, "duplicate": b'{"id":1,"id":2}'}.items():
            yield name, "POST", target, body, JSON
        for kind in ("text/plain", "application/x-www-form-urlencoded", "json", "application/json; charset=latin-1",
                     "application/vnd.x+json", "APPLICATION/JSON", "multipart/form-data"):
            yield f"as {kind}", "POST", target, whole if target == "/create" else template, {"content-type": kind}
        yield "no type", "POST", target, whole, {}
    yield "NaN", "POST", "/create", b'{"a":NaN}', JSON
    yield "Infinity", "POST", "/create", b'{"template":Infinity}', JSON
    yield "surrogate", "POST", "/create", b'{"template":"\\ud800","user":{}}', JSON
    yield from routes()
    yield from refused(whole)


def routes():
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        for path in ("/get_all", "/create", "/validate_template", "/nothing"):
            if method != "POST" and (method, path) != ("GET", "/get_all"):
                yield f"{method} {path}", method, path, None, {}
    for path in ("/get_all/", "/create/", "/create/?a=1", "/create//", "/nothing/", "//get_all", "/get%5Fall/x", "/Get_all"):
        yield path, "GET", path, None, {}


def refused(whole):
    card = ("template", "model_card", "architecture", "deployment_yaml")
    put = lambda value: lambda place, key: place.__setitem__(key, value)  # noqa: E731
    yield "no such manifest", "POST", "/create", changed(whole, card, put("nothing.yaml")), JSON
    yield "manifest is a path", "POST", "/create", changed(whole, card, put("../../../../etc/shadow")), JSON
    yield "placeholder without value", "POST", "/create", changed(whole, ("template", "params"), put({})), JSON
    yield "namespace that is no name", "POST", "/create", changed(whole, ("user", "namespace"), put("a b")), JSON
    yield "edited params", "POST", "/create", changed(whole, ("template", "deployment_card", "params", "num_cpus"), put(7)), JSON
    yield "unknown field", "POST", "/create", changed(whole, ("template", "colour"), put("red")), JSON


def masked(value):
    if isinstance(value, dict):
        return {key: "**********" if key == "API_key" else masked(inner) for key, inner in value.items()}
    return [masked(inner) for inner in value] if isinstance(value, list) else value


def on_purpose(answer):
    """Their answer as ours has it on purpose: keys masked, a null health_endpoint accepted, texts not echoed."""
    body = json.loads(answer.body) if answer.body else None
    if not isinstance(body, dict) or not isinstance(body.get("detail"), list):
        return answer.status, body
    kept = []
    for entry in body["detail"]:
        if entry["loc"][-1] == "health_endpoint" and entry["input"] is None:
            continue
        entry["input"] = masked(entry["input"])
        if entry["loc"][-1] == "API_key" and entry["type"] != "missing":
            entry["input"] = "**********"
        kept.append(entry)
    return (answer.status, {"detail": kept}) if kept else (200, None)


def compare(name, theirs, ours):
    """What is wrong, or ""."""
    if name in DIFFERENT:
        got = (theirs.status, ours.status)
        return "" if got == DIFFERENT[name] else f"{got}, not {DIFFERENT[name]}"
    if theirs.status == 500:  # ours says why, or knows the value without the card
        return "" if ours.status in (200, 422) else f"status {ours.status}, theirs 500: {ours.body[:300]}"
    status, body = on_purpose(theirs)
    if ours.status != status:
        return f"status {ours.status}, theirs {theirs.status}: {ours.body[:300]}"
    if status == 200:
        return ""
    got = json.loads(ours.body) if ours.body else None
    if isinstance(body, dict) and isinstance(body["detail"], list):
        for entry, mine in zip(body["detail"], got["detail"]):
            if isinstance(entry["input"], str) and mine["input"] is None and entry["loc"] == ["body"]:
                entry["input"] = None  # a body that is no JSON is not echoed
    if body != got:
        return f"body {json.dumps(got)[:600]}\ntheirs {json.dumps(body)[:600]}"
    for header in ("allow", "location", "content-type"):
        mine, other = ours.headers.get(header, ""), theirs.headers.get(header, "")
        if header == "location" and other:
            other = "/" + other.split("/", 3)[3]
        if mine != other:
            return f"{header}: {mine!r}, theirs {other!r}"
    return ""


def test():
    with bed.Server() as server:
        get_all = json.loads(server.get("/get_all").body)
        with standin.Standin(bed.free_port(), get_all, log_level="warning") as other:
            bed.wait(lambda: answers(other.port), 30, "the stand-in answers")
            listed = json.loads(bed.ask(other.port, "GET", "/get_all").body)
            bed.claim(listed == other.cards and list(listed) == list(get_all), "/get_all is what the stand-in lists first")
            user = {"id": "adam", "namespace": "adam", "API_key": "XXXXXXX"}
            template = get_all["ModelDeploymentTemplateCard"][0]
            number, wrong = 0, []
            for name, method, path, body, headers in cases(template, user):
                sent = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
                theirs, ours = (bed.ask(port, method, path, sent, headers) for port in (other.port, server.port))
                problem = compare(name, theirs, ours)
                number += 1
                if problem:
                    wrong.append(f"{method} {path} {name}: {problem}")
            bed.claim(not wrong, f"{number} requests get the original's answers", f"{len(wrong)} differ\n" + "\n".join(wrong[:20]))
            bed.claim(number > 500, f"{number} requests were compared")
        every_template(server, get_all, user)


def every_template(server, get_all, user):
    for card in get_all["ModelDeploymentTemplateCard"]:
        answer = server.post("/create", {"template": card, "user": user})
        bed.claim(answer.status == 200, f"{card['name']} as listed is created", answer.body[:500])
        text = json.loads(answer.body)
        bed.claim(isinstance(text, str) and text.count("\n---\n") >= 1, f"{card['name']}: a JSON string of several documents")
        valid = server.post("/validate_template", card)
        bed.claim((valid.status, json.loads(valid.body)) == (200, True), f"{card['name']} as listed is valid", valid.body[:500])


def answers(port):
    try:
        return bed.ask(port, "GET", "/get_all").status == 200
    except OSError:
        return False


if __name__ == "__main__":
    bed.main(test)
