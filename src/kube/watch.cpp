#include "kube/watch.hpp"

#include <algorithm>
#include <charconv>

#include "schema/document.hpp"

namespace mlib::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr milliseconds first_pause{800};
constexpr milliseconds longest_pause{30'000};
constexpr seconds long_enough{5};    // a watch that lived so long was none that failed
constexpr seconds patience{60};      // with 5xx on a watch, before it lists
constexpr int most_restarts = 3;     // of a paged list, before it asks for all at once
constexpr int most_malformed = 2;    // before it lists
constexpr int shortest_watch = 300;  // seconds, client-go's five to ten minutes
constexpr int longest_watch = 600;

bool newer(std::string_view a, std::string_view b) {
  const std::uint64_t left = number_of(a);
  const std::uint64_t right = number_of(b);
  return left == 0 || right == 0 || left >= right;
}

}  // namespace

const schema::Limits& api_limits() {
  static const schema::Limits limits = [] {
    schema::Limits wide;
    wide.depth = 128;
    wide.bytes = 64U << 20U;
    wide.nodes = 4'000'000;
    return wide;
  }();
  return limits;
}

std::uint64_t number_of(std::string_view version) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
  return error == std::errc{} && end == version.data() + version.size() ? number : 0;
}

Ask Watch::begin(Time now) { return list("", milliseconds{0}, now); }

Ask Watch::asked(Ask ask, Time now) {
  ask_ = ask;
  asked_at_ = now + ask.pause;
  return ask;
}

Ask Watch::list(std::string version, milliseconds pause, Time now) {
  Ask ask;
  ask.version = std::move(version);
  ask.paged = restarts_ <= most_restarts;
  ask.pause = pause;
  return asked(std::move(ask), now);
}

Ask Watch::watch(milliseconds pause, Time now) {
  Ask ask;
  ask.what = Ask::What::watch;
  ask.version = version_;
  ask.pause = pause;
  ask.timeout = seconds{std::uniform_int_distribution<int>(shortest_watch, longest_watch)(random_)};
  return asked(std::move(ask), now);
}

/// The same, from where it is.
Ask Watch::again(milliseconds pause, Time now) {
  if (ask_.what == Ask::What::watch) return watch(pause, now);
  Ask ask = ask_;
  ask.pause = pause;
  return asked(std::move(ask), now);
}

milliseconds Watch::backoff() {
  const milliseconds whole = std::min(longest_pause, first_pause * (1 << std::min(failures_, 6)));
  ++failures_;
  return milliseconds{std::uniform_int_distribution<std::int64_t>(whole.count() / 2, whole.count())(random_)};
}

/// No pause for what may happen once, a growing one when it goes on.
milliseconds Watch::soon() {
  if (failures_ > 0) return backoff();
  failures_ = 1;
  return milliseconds{0};
}

std::optional<Ask> Watch::step(const Heard& heard, Time now) {
  if (ask_.what == Ask::What::watch && now - asked_at_ >= long_enough) {
    failures_ = 0;
    failing_.reset();
  }
  switch (heard.what) {
    case Heard::What::event:
    case Heard::What::bookmark:
      if (!heard.version.empty() && newer(heard.version, version_)) version_ = heard.version;
      malformed_ = 0;
      return std::nullopt;
    case Heard::What::page:
      return after_page(heard, now);
    case Heard::What::refused:
      return after_refusal(heard, now);
    case Heard::What::malformed:
      if (ask_.what == Ask::What::watch && ++malformed_ >= most_malformed) {
        malformed_ = 0;
        return list("", backoff(), now);
      }
      return again(backoff(), now);
    case Heard::What::ended:
      return again(soon(), now);
    case Heard::What::lost:
      return again(backoff(), now);
  }
  return std::nullopt;
}

Ask Watch::after_page(const Heard& heard, Time now) {
  if (!heard.token.empty()) {
    Ask next = ask_;
    next.token = heard.token;
    next.pause = milliseconds{0};
    return asked(std::move(next), now);
  }
  restarts_ = 0;
  failing_.reset();
  version_ = heard.version;
  return watch(milliseconds{0}, now);
}

Ask Watch::after_gone(bool too_large, Time now) {
  // A version that a list may not even begin with: the newest, at once.
  if (ask_.what == Ask::What::list && ask_.token.empty() && !ask_.version.empty())
    return list("", milliseconds{0}, now);
  if (ask_.what == Ask::What::list) {
    if (!ask_.token.empty()) ++restarts_;
    return list("", soon(), now);
  }
  return list(too_large ? "" : version_, soon(), now);
}

Ask Watch::after_refusal(const Heard& heard, Time now) {
  if (heard.status == 410 || heard.too_large) return after_gone(heard.too_large, now);
  const bool busy = heard.status == 429 || heard.status == 503;
  if (busy && heard.retry_after) {
    ++failures_;
    return again(std::min(longest_pause, std::max(first_pause, *heard.retry_after)), now);
  }
  if (heard.status == 429) return again(backoff(), now);
  if (heard.status >= 500) {
    if (ask_.what == Ask::What::list) return again(backoff(), now);
    if (!failing_) failing_ = now;
    if (now - *failing_ < patience) return again(backoff(), now);
    failing_.reset();
    return list(version_, backoff(), now);
  }
  // What was allowed once is mostly so again: an API server that starts refuses before it knows its roles.
  const bool denied = heard.status == 401 || heard.status == 403;
  if (denied && !version_.empty()) return again(backoff(), now);
  // It will be the same in a second: rights may be given meanwhile, so it looks again now and then.
  return list("", longest_pause, now);
}

WatchLine read_line(std::string_view line, std::string_view kind) {
  WatchLine read;
  Node event;
  schema::JsonError error;
  if (!schema::read_json(line, event, error, api_limits())) return read;
  Node* object = event.find("object");
  if (object == nullptr || !object->is_map()) return read;
  const std::string type = event.text_at({"type"});
  read.what = type == "ADDED" || type == "MODIFIED" ? WatchLine::What::put
              : type == "DELETED"                   ? WatchLine::What::gone
              : type == "BOOKMARK"                  ? WatchLine::What::bookmark
              : type == "ERROR"                     ? WatchLine::What::error
                                                    : WatchLine::What::unknown;
  const bool of_kind = object->text_at({"kind"}, kind) == kind;
  if (!of_kind && read.what != WatchLine::What::error) read.what = WatchLine::What::unknown;
  read.object = std::move(*object);
  return read;
}

bool Lines::take(std::string_view bytes, std::vector<std::string>& lines) {
  for (;;) {
    const std::size_t end = bytes.find('\n');
    if (rest_.size() + std::min(end, bytes.size()) > longest_) return false;
    rest_ += bytes.substr(0, end);
    if (end == std::string_view::npos) return true;
    if (!rest_.empty()) lines.push_back(std::move(rest_));
    rest_.clear();
    bytes.remove_prefix(end + 1);
  }
}

Heard refusal_of(int status, const Node& body) {
  Heard heard;
  heard.what = Heard::What::refused;
  heard.status = static_cast<int>(body.integer_at({"code"}, status));
  const Node* causes = body.at({"details", "causes"});
  if (causes != nullptr && causes->is_list())
    for (const Node& cause : causes->items())
      if (cause.text_at({"reason"}) == "ResourceVersionTooLarge") heard.too_large = true;
  if (body.text_at({"message"}).find("Too large resource version") != std::string::npos)
    heard.too_large = true;
  if (const std::int64_t after = body.integer_at({"details", "retryAfterSeconds"}); after > 0)
    heard.retry_after = seconds{after};
  return heard;
}

}  // namespace mlib::kube
