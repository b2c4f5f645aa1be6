"""Writes a C++ file that holds the cards of a folder: embed.py FOLDER OUT.cpp"""
import os
import sys

folder, out = sys.argv[1:]
rows = []
for top, folders, files in os.walk(folder):
    folders[:] = sorted(name for name in folders if not name.startswith("."))
    for name in files:
        if name.startswith(".") or not name.endswith((".yaml", ".yml", ".json")):
            continue
        path = os.path.join(top, name)
        with open(path, encoding="utf-8") as file:
            rows.append((os.path.relpath(path, folder), file.read()))
mark = "card"
while any(f"){mark}\"" in text for _, text in rows):
    mark += "_"
with open(out, "w", encoding="utf-8") as file:
    file.write('#include "cards/library.hpp"\n\n')
    file.write("static constexpr struct {\n  std::string_view path, text;\n} rows[] = {\n")
    for path, text in sorted(rows):
        file.write(f'    {{"{path}", R"{mark}({text}){mark}"}},\n')
    file.write("};\n\nstd::vector<mlib::cards::File> mlib::cards::embedded() {\n  std::vector<File> files;\n")
    file.write("  files.reserve(std::size(rows));\n")
    file.write("  for (const auto& [path, text] : rows) files.push_back({std::string(path), std::string(text)});\n")
    file.write("  return files;\n}\n")
