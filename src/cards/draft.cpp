#include "cards/draft.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <tuple>

#include "base/text.hpp"

namespace mlib::cards::detail {

void Text::read(std::vector<Finding>& findings) {
  const std::size_t before = findings.size();
  documents_ = schema::read_yaml(source, findings);
  broken = findings.size() > before;
}

const std::vector<Node>& Text::documents() const {
  const std::lock_guard lock(mutex_);
  if (!documents_) {
    std::vector<Finding> told_before;
    documents_ = schema::read_yaml(source, told_before);
  }
  return *documents_;
}

void Text::let_go() { documents_.reset(); }

void CardFacts::make_room() {
  constexpr std::size_t most = 1000;
  if (kept_.size() > most) kept_.clear();
}

void in_batches(std::size_t count, const BatchWork& work) {
  constexpr std::size_t batch = 32;
  std::atomic<std::size_t> next{0};
  const auto run = [&](std::size_t thread) {
    for (std::size_t from = next.fetch_add(batch); from < count; from = next.fetch_add(batch))
      work(thread, from, std::min(from + batch, count));
  };
  const std::size_t useful = std::min<std::size_t>(count / (2 * batch), most_threads);
  const std::size_t threads = std::min<std::size_t>(useful, std::thread::hardware_concurrency());
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < threads; ++i) others.emplace_back(run, i);
  run(0);
}

Path path_of(std::initializer_list<std::string_view> keys) {
  Path path;
  for (const std::string_view key : keys) path.push_back({std::string(key)});
  return path;
}

Path spec_path(std::string_view dotted) {
  Path path = path_of({"spec"});
  while (!dotted.empty()) {
    const std::size_t dot = std::min(dotted.find('.'), dotted.size());
    path.push_back({std::string(dotted.substr(0, dot))});
    dotted.remove_prefix(std::min(dot + 1, dotted.size()));
  }
  return path;
}

const Doubts& Doubts::of_all() {
  static const Doubts all = [] {
    Doubts made;
    made.add(Path{});
    return made;
  }();
  return all;
}

bool Doubts::touch(const Path& path) const {
  const auto touches = [&](const Told& told) {
    const std::size_t both = std::min(told.path.size(), path.size());
    for (std::size_t i = 0; i < both; ++i) {
      const Step& one = told.path[i];
      if (one.index == path[i].index && one.key == path[i].key) continue;
      return told.unknown && i + 1 == told.path.size() && !nearest(one.key, {path[i].key}).empty();
    }
    return true;
  };
  return std::any_of(places_.begin(), places_.end(), touches);
}

Spot value_spot(const Text& text, const Node& document, const Path& path) {
  const Node* now = &document;
  for (const Step& step : path) {
    const Node* next = nullptr;
    if (step.index < 0) {
      next = now->find(step.key);
    } else if (now->is_list() && static_cast<std::size_t>(step.index) < now->items().size()) {
      next = &now->items()[static_cast<std::size_t>(step.index)];
    }
    if (next == nullptr) break;
    now = next;
  }
  return {&text, now->line, now->column, path};
}

Spot key_spot(const Text& text, const Node& document, const Path& path) {
  Path parent = path;
  parent.pop_back();
  const Node* now = &document;
  for (const Step& step : parent) {
    const Node* next = now->find(step.key);
    if (next == nullptr) return value_spot(text, document, path);
    now = next;
  }
  if (now->is_map())
    for (const schema::Entry& entry : now->entries())
      if (entry.key == path.back().key) return {&text, entry.line, entry.column, path};
  return value_spot(text, document, path);
}

void report(std::vector<Finding>& findings, const Spot& spot, Fault fault, std::string message,
            std::string hint) {
  Finding finding;
  finding.fault = fault;
  finding.place = {spot.text->source.file, spot.line, spot.column};
  finding.path = spot.path;
  finding.message = std::move(message);
  if (!spot.heir.empty()) finding.message += fmt::format(" (inherited by `{}`)", spot.heir);
  finding.hint = std::move(hint);
  if (spot.line > 0) finding.excerpt = spot.text->source.line(spot.line);
  findings.push_back(std::move(finding));
}

bool is_before(const Finding& a, const Finding& b) {
  return std::tie(a.place.file, a.place.line, a.place.column) <
         std::tie(b.place.file, b.place.line, b.place.column);
}

void report_nowhere(Verdict& verdict, const Spot& spot, std::string_view kind, const std::string& name) {
  std::vector<Finding> one;
  report(one, spot, Fault::reference, fmt::format("no {} called `{}`", lower(kind), shortened(name, 80)));
  verdict.nowhere.push_back({std::move(one.front()), std::string(kind), name});
}

bool Shelf::is_lost(std::string_view kind, std::string_view name) const {
  return lost.contains(fmt::format("{}/{}", kind, name)) || lost.contains(fmt::format("/{}", name));
}

}  // namespace mlib::cards::detail
