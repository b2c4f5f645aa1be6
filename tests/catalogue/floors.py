#!/usr/bin/env python3
"""How many model cards have a fact, in all and of each family that people ask for: never fewer than are written here.
And every model, hardware and template card says where its facts are from.

    floors.py            checks catalog/models, and the sources in catalog/hardware and catalog/templates, too
    floors.py --print    prints the table as it is today, to be put in here after facts were added
"""
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]

FACTS = {
    "layers": ("shape", "layers"), "heads": ("shape", "heads"), "kv_heads": ("shape", "kv_heads"),
    "head_size": ("shape", "head_size"), "vocabulary": ("shape", "vocabulary"), "attention": ("shape", "attention"),
    "context": ("context_length",), "parameters": ("parameters",), "bytes": ("weights_bytes",), "license": ("license",),
    "gated": ("gated",), "template": ("chat_template",)}

# A group's cards are those whose family begins so; the last group is a task's.
GROUPS = {
    "all": [""], "llama-3": ["llama-3"], "llama-4": ["llama-4"], "qwen-2.5": ["qwen2.5"],
    "qwen-3": ["qwen3", "qwen3-moe", "qwen3-coder", "qwen3-next", "qwen3-vl"], "gemma-3": ["gemma-3"],
    "mistral": ["mistral", "mixtral", "devstral"], "ministral": ["ministral"], "phi-4": ["phi-4"],
    "deepseek": ["deepseek-v3", "deepseek-r1"], "gpt-oss": ["gpt-oss"], "glm": ["glm"], "granite": ["granite"],
    "smollm": ["smollm"], "whisper": ["whisper"], "bge": ["bge"], "e5": ["e5"], "qwen3-embedding": ["qwen3-embedding"],
    "rerank": []}
WHOLE_NAMES = {"qwen-3"}  # of which qwen3-embedding, qwen3.5 and others are not

FLOORS = """
group            cards  layers  heads  kv_heads  head_size  vocabulary  attention  context  parameters  bytes  license  gated  template
all                205     186    185       184        172         181        179      194         198    147      167     79       125
llama-3             11      11     11        11         11          11         11       11          11     10       11      8         8
llama-4              2       2      2         2          2           2          2        2           2      1        2      2         1
qwen-2.5            13      13     13        13         13          13         13       13          13     11        8      3        12
qwen-3              30      30     30        30         30          30         30       30          30     22       25     10        24
gemma-3              6       6      6         6          6           6          6        6           6      5        6      4         5
mistral             11      11     11        11          9           9         11       11          11      7        8      5         6
ministral            3       3      3         3          3           1          3        3           2      3        3      0         2
phi-4                4       4      4         4          4           4          4        4           4      3        3      3         2
deepseek            11      11     11        11          6          11         11       11          11      5       10      8        10
gpt-oss              4       4      4         4          4           4          4        4           4      4        4      3         2
glm                  8       8      8         8          5           8          8        8           8      3        5      1         7
granite              9       9      9         9          9           9          9        9           9      5        9      2         7
smollm               5       5      5         5          5           5          5        5           5      3        2      0         4
whisper              6       3      2         2          2           3          3        2           6      6        6      3         0
bge                  7       6      6         6          6           6          6        6           6      5        6      3         0
e5                   4       3      3         3          3           3          3        4           4      4        4      1         0
qwen3-embedding      4       4      4         4          4           4          4        4           4      4        4      3         0
rerank               9       5      5         5          5           5          5        6           7      7        8      1         0
"""


def is_of(group, spec):
    if group == "rerank":
        return spec.get("task") == "rerank"
    family = spec.get("family", "")
    return family in GROUPS[group] if group in WHOLE_NAMES else any(family.startswith(each) for each in GROUPS[group])


def has(spec, path):
    for key in path:
        spec = spec.get(key) if isinstance(spec, dict) else None
    return spec is not None


def counts(specs):
    """{group: [cards, cards with each fact]}"""
    found = {}
    for group in GROUPS:
        of_group = [spec for spec in specs if is_of(group, spec)]
        found[group] = [len(of_group)] + [sum(has(spec, path) for spec in of_group) for path in FACTS.values()]
    return found


def written(table):
    """The table as text; the first line names the columns."""
    rows = [["group", "cards", *FACTS]] + [[group, *map(str, row)] for group, row in table.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "".join("  ".join(cell.rjust(width) if i else cell.ljust(width)
                             for i, (cell, width) in enumerate(zip(row, widths))) + "\n" for row in rows)


def below(table):
    """A sentence for each number that is below what is written here, and for what is written wrongly."""
    head, *lines = [line.split() for line in FLOORS.strip().splitlines()]
    columns = ["cards", *FACTS]
    if head != ["group", *columns] or [line[0] for line in lines] != list(GROUPS):
        return ["the table of floors has other columns or groups than this program: floors.py --print writes it"]
    return [f"{group}: {count} cards{'' if column == 'cards' else ' with ' + column}, and there were {floor}"
            for group, *floors in lines for column, count, floor in zip(columns, table[group], map(int, floors))
            if count < floor]


def without_a_source(kind, cards):
    """A sentence for each card that does not say where its facts are from; a template may say that it was modelled."""
    return [f"{kind}/{name}.yaml: no evidence{' and not modelled' if kind == 'templates' else ''}"
            for name, spec in cards.items()
            if not any(str(each or "").strip() for each in spec.get("evidence") or [])
            and not (kind == "templates" and spec.get("modelled"))]


def specs_of(kind):
    return {path.stem: yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)["spec"]
            for path in sorted((ROOT / "catalog" / kind).glob("*.yaml"))}


def main():
    cards = {kind: specs_of(kind) for kind in ("models", "hardware", "templates")}
    specs = list(cards["models"].values())
    if sys.argv[1:] == ["--print"]:
        print(written(counts(specs)), end="")
        return 0
    wrong = below(counts(specs))
    # A fact less of one card of a family that stands at its floor must be told, for the family and in all.
    poorer = [dict(spec, license=None) if spec.get("family") == "llama-4" else spec for spec in specs]
    if len(below(counts(poorer))) != len(wrong) + 2:
        wrong.append("licences that are gone are not told")
    for kind, of_kind in cards.items():
        missing = without_a_source(kind, of_kind)
        wrong += missing
        # Evidence that is gone from one card, or is blank, must be told, of that card alone.
        name = next(each for each, spec in of_kind.items() if spec.get("evidence") and not spec.get("modelled"))
        for evidence in (None, [], [" "]):
            poorer = {**of_kind, name: dict(of_kind[name], evidence=evidence)}
            if len(without_a_source(kind, poorer)) != len(missing) + 1:
                wrong.append(f"{kind}: evidence that is gone is not told when it is {evidence}")
    for each in wrong:
        print(each)
    print(f"floors: {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
