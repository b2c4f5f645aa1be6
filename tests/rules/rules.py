#!/usr/bin/env python3
"""The house rules of ARCHITECTURE.md, one function each; prints every place that breaks one and exits 1.

    rules.py            checks the tree
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = []


def rule(function):
    RULES.append(function)
    return function


class Tree:
    """The tracked (or about to be tracked) files and their lines."""

    def __init__(self, root):
        self.root = root
        names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=root, text=True,
                               capture_output=True, check=True).stdout.split("\n")
        self.names = sorted({n for n in names if n and (root / n).is_file()})
        self.texts = {}

    def text(self, name):
        if name not in self.texts:
            self.texts[name] = (self.root / name).read_text(errors="replace")
        return self.texts[name]

    def match(self, pattern):
        return [n for n in self.names if re.search(pattern, n)]

    def lines(self, files_pattern, pattern):
        """(file, line number, line) of every line that matches, comments left out."""
        for name in self.match(files_pattern):
            for number, line in enumerate(self.text(name).split("\n"), 1):
                code = line if name.endswith((".md", ".yaml", ".sh", ".py")) else re.sub(r"//.*", "", line)
                if re.search(pattern, code):
                    yield name, number, line.strip()[:100]


CPP = r"^(src|tests|bench)/.*\.(cpp|hpp|cc)$"
SOURCE = r"^src/.*(?<!_test)\.(cpp|hpp)$"
GENERATED = r"(^docs/.*\.json$|generated|/schemas/)"


def only(tree, files, pattern, allowed, sentence):
    return [f"{name}:{number}: {sentence}: {line}" for name, number, line in tree.lines(files, pattern)
            if not re.search(allowed, name)]


@rule
def files_are_at_most_500_lines(tree):
    found = []
    for name in tree.match(r"\.(cpp|hpp|cc|py|sh|ts|tsx)$"):
        count = tree.text(name).count("\n")
        if count > 500 and not re.search(GENERATED, name):
            found.append(f"{name}: {count} lines, more than 500")
    return found


def functions(text):
    """(line, name, length) of function bodies, by clang-format's layout: a line at column 0 or 2 that ends in `{`."""
    lines = text.split("\n")
    head = re.compile(r"^( {0,4})(?!namespace|class|struct|enum|union|extern|else|if|for|while|switch|do\b|try|public|\}|#|//|:)"
                      r"\S.*\)( const| noexcept| override| final|\s*->\s*\S+)*( :.*)? \{$")
    for at, line in enumerate(lines):
        found = head.match(line)
        if not found:
            continue
        indent = found.group(1)
        for end in range(at + 1, len(lines)):
            if lines[end].startswith(indent + "}"):
                yield at + 1, line.strip()[:60], end - at + 1
                break


@rule
def functions_are_at_most_60_lines(tree):
    found = []
    for name in tree.match(r"^src/.*\.(cpp|hpp)$"):
        if name.endswith("_test.cpp"):
            continue
        for line, head, length in functions(tree.text(name)):
            if length > 60:
                found.append(f"{name}:{line}: {length} lines, more than 60: {head}")
    return found


@rule
def rooms_have_no_cycle_and_look_down(tree):
    uses = {}
    for found in re.finditer(r"^room\((\w+)([^)]*)\)", tree.text("src/CMakeLists.txt"), re.M):
        words = found.group(2).split()
        named = []
        if "USES" in words:
            rest = words[words.index("USES") + 1:]
            named = rest[:rest.index("LINKS")] if "LINKS" in rest else rest
        uses[found.group(1)] = named
    order = list(uses)
    wrong = [f"src/CMakeLists.txt: {room} uses {used}, which does not stand before it"
             for room, rooms in uses.items() for used in rooms
             if used not in order or order.index(used) >= order.index(room)]
    below = {}
    for room in order:
        below[room] = set(uses[room]).union(*[below.get(used, set()) for used in uses[room]], {room})
    for name in tree.match(r"^src/\w+/.*\.(cpp|hpp)$"):
        room = name.split("/")[1]
        for number, line in enumerate(tree.text(name).split("\n"), 1):
            found = re.match(r'#include "(\w+)/', line)
            if found and found.group(1) in order and room in order and found.group(1) not in below[room]:
                wrong.append(f"{name}:{number}: {room} may not look up at {found.group(1)}")
    return wrong


@rule
def no_include_goes_around_the_doors(tree):
    return only(tree, CPP, r'#include "\.\./', r"^$", "include by room, not by ../")


@rule
def beast_only_in_net(tree):
    return only(tree, CPP, r"boost/(beast|asio)", r"^src/net/|^bench/", "Beast and Asio belong to net/")


@rule
def boost_json_only_in_schema(tree):
    return only(tree, CPP, r"boost/json", r"^src/schema/", "Boost.JSON belongs to schema/")


@rule
def re2_only_in_regex_cpp(tree):
    return only(tree, CPP, r"re2/", r"^src/cards/regex\.cpp$", "RE2 belongs to src/cards/regex.cpp")


@rule
def libfyaml_only_in_schema(tree):
    return only(tree, CPP, r"libfyaml\.h", r"^src/schema/", "libfyaml belongs to schema/")


@rule
def sql_only_in_store(tree):
    return only(tree, SOURCE, r"sqlite3|\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE) \w", r"^src/store/",
                "SQL belongs to store/")


@rule
def kubernetes_paths_only_in_kube(tree):
    return only(tree, SOURCE, r'"/(apis/|api/v1/(namespaces|nodes|pods))', r"^src/kube/", "Kubernetes paths belong to kube/")


@rule
def no_regex(tree):
    return only(tree, CPP, r"#include <regex>", r"^$", "GCC 12's <regex> crashes on long texts")


@rule
def getenv_only_in_app(tree):
    return only(tree, CPP, r"\b(secure_)?getenv\(", r"^src/app/|^tests/|_test\.cpp$|^bench/", "the environment is read in app/")


CATCH_ALL = r"^src/(api/dispatch|cli/run|app/background)\.cpp$"


@rule
def catch_all_only_in_three_places(tree):
    return only(tree, SOURCE, r"catch \(\.\.\.\)", CATCH_ALL, "catch (...) only in dispatch, cli and background steps")


@rule
def tests_do_not_sleep(tree):
    return only(tree, r"_test\.cpp$", r"sleep_for|\busleep\(|\bsleep\(\d", r"^$", "await a condition instead of sleeping")


@rule
def reveal_is_rare(tree):
    allowed = (r"^src/(net|kube|loadgen|render)/|^src/base/secret\.hpp|^src/targets/\w+\.cpp|^src/api/\w+\.cpp|^src/cli/\w+\.cpp"
               r"|_test\.cpp$|^bench/")
    return only(tree, CPP, r"\.reveal\(\)", allowed, "a secret is revealed where it is sent, nowhere else")


@rule
def vague_names_are_not_used(tree):
    return only(tree, CPP, r"\b(class|struct) \w*(Manager|Helper|Util|Utils|Common|Impl)\b", r"^$",
                "say what it is for")


@rule
def no_open_ends(tree):
    return only(tree, r"^(src|tests|tools|catalog|bench)/|^dev$", r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b", r"^$", "finish it or say it in the docs")


@rule
def doctest_is_not_skipped(tree):
    return only(tree, r"_test\.cpp$", r"doctest::skip|DOCTEST_SKIP", r"^$", "a test that is skipped does not exist")


@rule
def no_two_bools_in_a_row(tree):
    return only(tree, r"^src/.*\.hpp$", r"\(.*\bbool \w+( = \w+)?, bool \w+", r"^$", "make it a struct with named fields")


@rule
def nothing_reads_what_a_clone_lacks(tree):
    return only(tree, r".", r"\.\./share" r"d|/work/share" r"d|/work/\.library", r"^$", "a clone alone builds and tests")


@rule
def framework_names_are_data(tree):
    return only(tree, SOURCE, r'== ?"(vllm|sglang|llama[a-z.-]*|tgi|ollama|deepsparse|petals|tool-library)"', r"^$",
                "a framework is two YAML files, no branch in C++")


@rule
def card_names_are_file_names(tree):
    found = []
    for name in tree.match(r"^catalog/(models|hardware|templates)/.*\.yaml$|^catalog/frameworks/[^/]+/framework\.yaml$"):
        stem = name.split("/")[2] if name.startswith("catalog/frameworks/") else Path(name).stem
        said = re.search(r"^metadata:\n(?:  .*\n)*?  name: *(\S+)$|^metadata: *\{name: *([\w.-]+)", tree.text(name), re.M)
        if not said or (said.group(1) or said.group(2)) != stem:
            found.append(f"{name}: metadata.name is not {stem}")
    return found


@rule
def links_in_documents_lead_somewhere(tree):
    found = []
    for name in tree.match(r"\.md$"):
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", tree.text(name)):
            if not re.match(r"https?:|mailto:", link) and not (tree.root / Path(name).parent / link).exists():
                found.append(f"{name}: no such file: {link}")
    return found


@rule
def every_room_is_in_the_architecture(tree):
    rooms = re.findall(r"^room\((\w+)", tree.text("src/CMakeLists.txt"), re.M)
    return [f"ARCHITECTURE.md: the room {room} is not in it" for room in rooms
            if f"src/{room}" not in tree.text("ARCHITECTURE.md")]


@rule
def workflows_call_the_same_command(tree):
    return [] if "./dev test" in tree.text(".ci/run") and "./dev test" in tree.text("README.md") else [
        ".ci/run and README.md: both must call ./dev test"]


@rule
def every_e2e_test_is_python_that_compiles(tree):
    found = []
    for name in tree.match(r"^(tests|tools|bench)/.*\.py$"):
        try:
            compile(tree.text(name), name, "exec")
        except SyntaxError as error:
            found.append(f"{name}:{error.lineno}: {error.msg}")
    return found


def main():
    tree = Tree(ROOT)
    wrong = 0
    for each in RULES:
        found = each(tree)
        wrong += bool(found)
        for line in found[:20]:
            print(f"{each.__name__}: {line}")
    print(f"rules: {len(RULES)} checked, {wrong} broken")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
