"""What a folder holds against what its tables make."""
import os


def of_no_row(folder, names, first_line):
    """Files of `folder` that begin with `first_line`, which says that they were made, and are none of `names`."""
    for name in sorted(os.listdir(folder)):
        if name in names or not name.endswith(".yaml"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            if file.readline() == first_line:
                yield name


def check(folder, texts, first_line):
    """Prints each file under `folder` that is not the text made for it, is missing, or is of no row any more. `texts` go
    by the path under `folder`. The exit code: 1 when there is one."""
    wrong = []
    for path, text in texts.items():
        there = os.path.join(folder, path)
        if not os.path.exists(there):
            wrong.append(f"{path}: the tables make it, and it is not there")
            continue
        with open(there, encoding="utf-8") as file:
            lines = file.read().split("\n")
        made = text.split("\n")
        if lines != made:
            at = next((i for i, pair in enumerate(zip(lines, made)) if pair[0] != pair[1]), min(len(lines), len(made)))
            wrong.append(f"{path}:{at + 1}: not what the tables make: {shown(lines, at)} instead of {shown(made, at)}")
    for kind in sorted({os.path.dirname(path) for path in texts}):
        names = {os.path.basename(path) for path in texts if os.path.dirname(path) == kind}
        wrong += [f"{os.path.join(kind, name)}: was made from a row that the tables do not have any more"
                  for name in of_no_row(os.path.join(folder, kind), names, first_line)]
    for each in wrong:
        print(each)
    return 1 if wrong else 0


def shown(lines, at):
    return f"`{lines[at].strip()[:90]}`" if at < len(lines) else "nothing"
