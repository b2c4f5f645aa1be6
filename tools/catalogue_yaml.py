"""YAML as the catalogue writes it: block style, short maps in one line, quotes where a bare word would be another type."""
import json
import re


class Flow:
    """A map or list of scalars that is written in one line."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value == other


def flow(value):
    return Flow(value)


PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./+~ ()=*;-]*|\d+(Gi|Mi|G)")
WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def scalar(value, inside=False):
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    plain = PLAIN.fullmatch(value) and value.lower() not in WORDS and value == value.strip()
    return value if plain else json.dumps(value, ensure_ascii=False)


def one_line(value):
    if isinstance(value, Flow):
        value = value.value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {one_line(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(one_line(each) for each in value) + "]"
    return scalar(value)


def to_yaml(value, depth=0):
    pad, out = "  " * depth, ""
    for key, each in value.items():
        if isinstance(each, dict) and each:
            out += f"{pad}{scalar(key)}:\n{to_yaml(each, depth + 1)}"
        elif isinstance(each, list) and each:
            out += f"{pad}{scalar(key)}:\n"
            for item in each:
                if isinstance(item, dict):
                    body = to_yaml(item, depth + 2)
                    out += f"{pad}  - {body.lstrip()}"
                else:
                    out += f"{pad}  - {one_line(item)}\n"
        else:
            out += f"{pad}{scalar(key)}: {one_line(each)}\n"
    return out
