#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "store/rules.hpp"
#include "store/store.hpp"

namespace mlib::store {
namespace {

using Key = std::pair<std::string, std::string>;

struct Holds {
  std::mutex mutex;
  std::set<Key> had;
};

class MemoryHold final : public Hold {
 public:
  MemoryHold(std::shared_ptr<Holds> holds, Key key) : holds_(std::move(holds)), key_(std::move(key)) {}
  ~MemoryHold() override {
    const std::lock_guard lock(holds_->mutex);
    holds_->had.erase(key_);
  }
  MemoryHold(const MemoryHold&) = delete;
  MemoryHold& operator=(const MemoryHold&) = delete;

 private:
  std::shared_ptr<Holds> holds_;
  Key key_;
};

/// Everything in this process; gone with it.
class MemoryStore final : public Store {
 public:
  std::optional<Deployment> get(std::string_view namespace_name, std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    const auto at = records_.find({std::string(namespace_name), std::string(name)});
    if (at == records_.end()) return {};
    return at->second;
  }

  std::vector<Deployment> list(std::string_view namespace_name) const override {
    const std::lock_guard lock(mutex_);
    std::vector<Deployment> found;
    for (const auto& [key, record] : records_)
      if (namespace_name.empty() || key.first == namespace_name) found.push_back(record);
    return found;
  }

  Deployment put(Deployment deployment, const Audit& audit) override {
    const std::lock_guard lock(mutex_);
    const std::pair key{deployment.namespace_name, deployment.name};
    const auto at = records_.find(key);
    check_revision(deployment, at == records_.end() ? 0 : at->second.revision);
    ++deployment.revision;
    records_.insert_or_assign(key, deployment);
    if (deployment.state == "deployed") keep(history_[key], deployment);
    audit_.push_front(audit);
    return deployment;
  }

  void remove(std::string_view namespace_name, std::string_view name, const Audit& audit) override {
    const std::lock_guard lock(mutex_);
    const std::pair key{std::string(namespace_name), std::string(name)};
    records_.erase(key);
    history_.erase(key);
    audit_.push_front(audit);
  }

  std::vector<Deployment> history(std::string_view namespace_name, std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    const auto at = history_.find({std::string(namespace_name), std::string(name)});
    if (at == history_.end()) return {};
    return {at->second.begin(), at->second.end()};
  }

  std::unique_ptr<Hold> hold(std::string_view namespace_name, std::string_view name) override {
    const std::lock_guard lock(holds_->mutex);
    std::pair key{std::string(namespace_name), std::string(name)};
    if (!holds_->had.insert(key).second) return nullptr;
    return std::make_unique<MemoryHold>(holds_, std::move(key));
  }

  std::vector<SavedFilter> filters() const override {
    const std::lock_guard lock(mutex_);
    std::vector<SavedFilter> all;
    for (const auto& [name, expression] : filters_) all.push_back({name, expression});
    return all;
  }

  void save_filter(const SavedFilter& filter, const Audit& audit) override {
    const std::lock_guard lock(mutex_);
    filters_.insert_or_assign(filter.name, filter.expression);
    audit_.push_front(audit);
  }

  void remove_filter(std::string_view name, const Audit& audit) override {
    const std::lock_guard lock(mutex_);
    filters_.erase(std::string(name));
    audit_.push_front(audit);
  }

  std::vector<Audit> audit(std::size_t newest) const override {
    const std::lock_guard lock(mutex_);
    return {audit_.begin(), audit_.begin() + static_cast<std::ptrdiff_t>(std::min(newest, audit_.size()))};
  }

 private:
  static void keep(std::deque<Deployment>& history, const Deployment& record) {
    std::erase_if(history, [&](const Deployment& each) { return each.applies == record.applies; });
    history.push_front(record);
    if (history.size() > kept_renderings) history.pop_back();
  }
  mutable std::mutex mutex_;
  std::shared_ptr<Holds> holds_ = std::make_shared<Holds>();
  std::map<std::pair<std::string, std::string>, Deployment> records_;
  std::map<std::pair<std::string, std::string>, std::deque<Deployment>> history_;
  std::map<std::string, std::string> filters_;
  std::deque<Audit> audit_;
};

}  // namespace

std::unique_ptr<Store> memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace mlib::store
