#include "kube/informer.hpp"

#include <fmt/format.h>
#include <malloc.h>

#include "base/text.hpp"
#include "kube/client.hpp"

namespace mlib::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr seconds silence{90};    // a server that sends bookmarks does so every minute
constexpr seconds grace{5};       // how old what is told may be while the cluster does not answer
constexpr seconds to_connect{6};  // after it a watch that did not fail runs
constexpr seconds to_list{30};
constexpr seconds to_settle{5};

std::optional<milliseconds> asked_pause(const net::Answer& answer) {
  const std::uint64_t count = number_of(answer.header("Retry-After"));
  if (count == 0 || count > 3600) return std::nullopt;
  return seconds{count};
}

Heard refusal(const net::Answer& answer) {
  Node body;
  schema::JsonError error;
  schema::read_json(answer.body, body, error);
  Heard heard = refusal_of(answer.status, Node());
  heard.too_large = refusal_of(answer.status, body).too_large;
  heard.retry_after = asked_pause(answer);
  return heard;
}

}  // namespace

Informer::Informer(Client& client, Clock& clock, Scope scope, std::uint32_t seed)
    : client_(client),
      clock_(clock),
      scope_(std::move(scope)),
      watch_(seed),
      next_(watch_.begin(clock.now())),
      cache_(scope_.kind, scope_.most),
      asked_(clock.now()) {}

void Informer::turn(const Cancel& cancel) {
  pause(clock_, next_.pause, &cancel);
  Heard heard;
  try {
    heard = next_.what == Ask::What::list ? list(next_, cancel) : watch(next_, cancel);
  } catch (const Problem& problem) {
    if (problem.kind() == Kind::cancelled) throw;
    heard.what = problem.kind() == Kind::invalid ? Heard::What::malformed : Heard::What::lost;
  }
  note(heard);
  if (std::optional<Ask> next = watch_.step(heard, clock_.now())) next_ = std::move(*next);
}

std::string Informer::query(const Ask& ask) const {
  std::string query;
  const auto add = [&](std::string_view key, std::string_view value) {
    query += fmt::format("{}{}={}", query.empty() ? '?' : '&', key, percent_encoded(value));
  };
  if (ask.what == Ask::What::watch) {
    add("watch", "true");
    add("allowWatchBookmarks", "true");
    add("timeoutSeconds", std::to_string(ask.timeout.count()));
    add("resourceVersion", ask.version);
  } else {
    if (ask.paged) add("limit", "500");
    if (!ask.token.empty()) add("continue", ask.token);
    if (ask.token.empty() && !ask.version.empty()) {
      add("resourceVersion", ask.version);
      add("resourceVersionMatch", "NotOlderThan");
    }
  }
  if (!scope_.labels.empty()) add("labelSelector", scope_.labels);
  return query;
}

Heard Informer::list(const Ask& ask, const Cancel& cancel) {
  net::Call call;
  call.url = client_.url(scope_.kind, &cancel) + query(ask);
  const net::Answer answer = client_.once(call, nullptr, &cancel);
  if (answer.status != 200) return refusal(answer);
  Node page;
  schema::JsonError error;
  if (!schema::read_json(answer.body, page, error, api_limits())) return {Heard::What::malformed};
  Heard heard{Heard::What::page, page.text_at({"metadata", "resourceVersion"}),
              page.text_at({"metadata", "continue"})};
  const std::lock_guard lock(mutex_);
  if (ask.token.empty()) cache_.begin();
  if (Node* items = page.find("items"); items != nullptr && items->is_list())
    for (Node& item : items->items()) cache_.add(std::exchange(item, Node()));
  if (heard.token.empty()) {
    cache_.complete();
    complete_ = true;
    // What reading the list took is many times what is kept of it.
    page = Node();
    ::malloc_trim(0);
  }
  return heard;
}

Heard Informer::watch(const Ask& ask, const Cancel& cancel) {
  {
    const std::lock_guard lock(mutex_);
    watching_ = clock_.now();
  }
  net::Call call;
  call.url = client_.url(scope_.kind, &cancel) + query(ask);
  call.timeout = silence;
  Lines lines;
  std::optional<Heard> last;
  const net::BodySink sink = [&](std::string_view bytes) {
    std::vector<std::string> whole;
    if (!lines.take(bytes, whole)) last = Heard{Heard::What::malformed};
    for (const std::string& line : whole)
      if (!last) last = take(line);
    return !last && !cancel.asked();
  };
  const net::Answer answer = client_.once(call, &sink, &cancel);
  cancel.check();
  if (last) return *last;
  return answer.status == 200 ? Heard{Heard::What::ended} : refusal(answer);
}

/// What ends the stream, or nothing.
std::optional<Heard> Informer::take(std::string_view text) {
  WatchLine line = read_line(text, scope_.kind.kind);
  if (line.what == WatchLine::What::error) return refusal_of(0, line.object);
  const std::lock_guard lock(mutex_);
  if (line.what == WatchLine::What::malformed || line.what == WatchLine::What::unknown) ++skipped_;
  if (line.what == WatchLine::What::malformed) return Heard{Heard::What::malformed};
  if (line.what == WatchLine::What::unknown) return std::nullopt;
  trouble_.reset();
  Heard heard{Heard::What::event, line.object.text_at({"metadata", "resourceVersion"})};
  if (line.what == WatchLine::What::bookmark) heard.what = Heard::What::bookmark;
  if (line.what == WatchLine::What::put) cache_.put(std::move(line.object));
  if (line.what == WatchLine::What::gone) cache_.gone(line.object);
  watch_.step(heard, clock_.now());
  changed_.notify_all();
  return std::nullopt;
}

void Informer::note(const Heard& heard) {
  const std::lock_guard lock(mutex_);
  watching_.reset();
  const bool fine = heard.what == Heard::What::page || heard.what == Heard::What::ended;
  // 410 and its like are mended by the next list.
  const bool mended = heard.what == Heard::What::refused && (heard.status == 410 || heard.too_large);
  if (fine) trouble_.reset();
  if (!fine && !mended && !trouble_) trouble_ = clock_.now();
  status_ = heard.what == Heard::What::refused ? heard.status : 0;
  changed_.notify_all();
}

/// Under the lock: what it has is as the cluster was a moment ago.
bool Informer::fresh() const {
  if (!trouble_) return true;
  const Time now = clock_.now();
  return now - *trouble_ < grace || (watching_ && now - *watching_ > to_connect);
}

/// Under the lock: it has seen what this process wrote.
bool Informer::settled() {
  std::erase_if(expected_, [&](const Expected& each) { return cache_.has(each.id, each.uid, each.version); });
  return expected_.empty();
}

std::optional<std::vector<Node>> Informer::find(const std::string& namespace_name, const Selection& selection,
                                                const Cancel* cancel) {
  std::unique_lock lock(mutex_);
  asked_ = clock_.now();
  const auto began = std::chrono::steady_clock::now();
  for (;;) {
    const auto waited = std::chrono::steady_clock::now() - began;
    if (!complete_ && (trouble_ || waited > to_list)) return std::nullopt;
    if (complete_ && !fresh()) return std::nullopt;
    if (complete_ && settled()) break;
    if (complete_ && waited > to_settle) {
      expected_.clear();
      return std::nullopt;
    }
    changed_.wait_for(lock, milliseconds{50});
    if (cancel != nullptr) cancel->check();
  }
  if (!cache_.want(namespace_name)) return std::nullopt;
  return cache_.find(namespace_name, selection);
}

void Informer::expect(const Id& id, const std::string& uid, const std::string& version) {
  const std::lock_guard lock(mutex_);
  expected_.push_back({id, uid, version});
}

bool Informer::idle_for(seconds span) const {
  const std::lock_guard lock(mutex_);
  return clock_.now() - asked_ > span;
}

bool Informer::refused() const {
  const std::lock_guard lock(mutex_);
  return !complete_ && status_ == 403;
}

std::size_t Informer::skipped() const {
  const std::lock_guard lock(mutex_);
  return skipped_;
}

std::size_t Informer::bytes() const {
  const std::lock_guard lock(mutex_);
  return cache_.bytes();
}

}  // namespace mlib::kube
