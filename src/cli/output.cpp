#include "cli/output.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/text.hpp"

namespace mlib::cli {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest = 8;
constexpr std::size_t longest_word = 64;

/// One line, controls made visible.
std::string one_line(const std::string& text) {
  std::string out = visible(text);
  for (char& c : out)
    if (c == '\n' || c == '\t') c = ' ';
  return out;
}

/// Up to `columns` characters, the last one "…" when something was cut off.
std::string cut(const std::string& text, std::size_t columns) {
  if (utf8_length(text) <= columns) return text;
  std::size_t bytes = 0;
  for (std::size_t count = 0; bytes < text.size(); ++bytes)
    if (!is_utf8_continuation(text[bytes]) && ++count == columns) break;
  return text.substr(0, bytes) + "…";
}

/// How narrow a column may become: prose may be cut, names, addresses and times only where they are very
/// long.
std::size_t floor_of(const std::vector<std::vector<std::string>>& lines, std::size_t column) {
  std::size_t longest = 0;
  bool prose = false;
  for (const auto& line : lines) {
    longest = std::max(longest, utf8_length(line[column]));
    prose = prose || line[column].find(' ') != std::string::npos;
  }
  return prose ? std::max(narrowest, utf8_length(lines[0][column])) : std::min(longest, longest_word);
}

/// Takes from the widest column that may become narrower until all fit; a row of names alone may stay too
/// wide.
void narrow(std::vector<std::size_t>& widths, const std::vector<std::size_t>& floors, std::size_t width) {
  std::size_t total = std::accumulate(widths.begin(), widths.end(), gap * (widths.size() - 1));
  for (; total > width; --total) {
    std::size_t* widest = nullptr;
    for (std::size_t k = 0; k < widths.size(); ++k)
      if (widths[k] > floors[k] && (widest == nullptr || widths[k] > *widest)) widest = &widths[k];
    if (widest == nullptr) return;
    --*widest;
  }
}

/// Lines of at most `columns` characters, broken behind a blank or a mark where there is one.
std::vector<std::string> pieces(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  while (utf8_length(text) > columns) {
    std::size_t bytes = 0;
    for (std::size_t count = 0; bytes < text.size(); ++bytes)
      if (!is_utf8_continuation(text[bytes]) && ++count > columns) break;
    const std::size_t mark = text.substr(0, bytes).find_last_of(" -_/.,");
    const std::size_t end = mark == std::string_view::npos || mark < bytes / 3 ? bytes : mark + 1;
    lines.emplace_back(trim(text.substr(0, end)));
    text.remove_prefix(end);
  }
  lines.emplace_back(text);
  return lines;
}

/// Each line as so many as its longest cell needs; the columns behind the first share the width.
void fold(std::vector<std::vector<std::string>>& lines, std::vector<std::size_t>& widths, std::size_t width) {
  constexpr std::size_t widest_first = 26;
  if (std::accumulate(widths.begin(), widths.end(), gap * (widths.size() - 1)) <= width) return;
  widths[0] = std::min(widths[0], widest_first);
  const std::size_t others = widths.size() - 1;
  const std::size_t rest = width - std::min(width, widths[0] + gap * others);
  for (std::size_t k = 1; k < widths.size(); ++k) widths[k] = std::max(rest / others, narrowest);
  std::vector<std::vector<std::string>> made;
  for (const auto& line : lines) {
    const std::size_t first = made.size();
    for (std::size_t k = 0; k < line.size(); ++k) {
      const std::vector<std::string> cell = pieces(line[k], widths[k]);
      while (made.size() < first + cell.size()) made.emplace_back(line.size());
      for (std::size_t i = 0; i < cell.size(); ++i) made[first + i][k] = cell[i];
    }
  }
  lines = std::move(made);
}

/// What it is called; a benchmark's result has an id. "": it is called nothing.
std::string name_of(const Node& item) {
  std::string name = item.text_at({"metadata", "name"});
  if (name.empty()) name = item.text_at({"name"});
  return name.empty() ? item.text_at({"id"}) : name;
}

/// A line for each thing of the answer that has a name; nothing for an answer in which none has.
std::optional<std::string> names(const Node& value) {
  const Node* objects = value.find("items");
  if (objects != nullptr && !objects->is_list()) objects = nullptr;
  const Node one(Node::List{value});
  const Node& list = objects != nullptr ? *objects : value.is_list() ? value : one;
  std::string text;
  for (const Node& item : list.items())
    if (const std::string name = name_of(item); !name.empty())
      text += (objects != nullptr ? item.text_at({"kind"}) + "/" : "") + name + "\n";
  if (text.empty() && !list.items().empty()) return {};
  return text;
}

}  // namespace

std::string table_text(const verbs::Table& table, bool wide, std::size_t width) {
  std::vector<std::size_t> shown, widths, floors;
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (wide || !table.columns[i].wide) shown.push_back(i);
  std::vector<std::vector<std::string>> lines(1);
  for (const std::size_t i : shown) lines[0].push_back(table.columns[i].header);
  for (const std::vector<std::string>& row :
       wide && !table.wide_rows.empty() ? table.wide_rows : table.rows) {
    lines.emplace_back();
    for (const std::size_t i : shown) lines.back().push_back(one_line(row[i]));
  }
  for (std::size_t k = 0; k < shown.size(); ++k) {
    std::size_t widest = 0;
    for (const auto& line : lines) widest = std::max(widest, utf8_length(line[k]));
    widths.push_back(widest);
    floors.push_back(floor_of(lines, k));
  }
  if (width > 0 && table.folded)
    fold(lines, widths, width);
  else if (width > 0 && !wide)
    narrow(widths, floors, width);
  std::string text;
  for (const auto& line : lines) {
    std::string out;
    for (std::size_t k = 0; k < shown.size(); ++k) {
      const std::string cell = cut(line[k], widths[k]);
      out += cell + std::string(widths[k] - utf8_length(cell) + gap, ' ');
    }
    out.resize(out.find_last_not_of(' ') + 1);
    text += out + "\n";
  }
  return text;
}

/// A Markdown table of all columns.
std::string markdown_text(const verbs::Table& table) {
  const auto line = [](const std::vector<std::string>& cells) {
    std::string text = "|";
    for (const std::string& each : cells) {
      text += ' ';
      for (const char c : one_line(each))
        text += c == '|' || c == '\\' ? std::string{'\\', c} : std::string{c};
      text += " |";
    }
    return text + "\n";
  };
  std::vector<std::string> headers;
  for (const verbs::Table::Column& column : table.columns) headers.push_back(column.header);
  std::string text = line(headers) + line(std::vector<std::string>(headers.size(), "---"));
  for (const std::vector<std::string>& row : table.rows) text += line(row);
  return text;
}

std::string answer_text(const verbs::Response& response, const std::string& output, std::size_t width) {
  if (output == "json") return schema::to_json(response.value, 2) + "\n";
  if (output == "yaml") return schema::to_yaml(response.value);
  if (output == "name")
    if (std::optional<std::string> text = names(response.value)) return std::move(*text);
  for (const auto& [name, text] : response.forms)
    if (name == output) return text;
  const bool markdown = output == "markdown";
  if (response.table)
    return markdown ? markdown_text(*response.table) : table_text(*response.table, output == "wide", width);
  if (markdown && response.text) return "```text\n" + *response.text + "```\n";
  return response.text ? *response.text : schema::to_yaml(response.value);
}

}  // namespace mlib::cli
