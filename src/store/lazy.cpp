#include <mutex>

#include "store/store.hpp"

namespace mlib::store {
namespace {

/// Opens the store behind it when it is first used.
class LazyStore final : public Store {
 public:
  explicit LazyStore(std::function<std::unique_ptr<Store>()> open) : open_(std::move(open)) {}
  std::optional<Deployment> get(std::string_view namespace_name, std::string_view name) const override {
    return opened().get(namespace_name, name);
  }
  std::vector<Deployment> list(std::string_view namespace_name) const override {
    return opened().list(namespace_name);
  }
  Deployment put(Deployment deployment, const Audit& audit) override {
    return opened().put(std::move(deployment), audit);
  }
  void remove(std::string_view namespace_name, std::string_view name, const Audit& audit) override {
    opened().remove(namespace_name, name, audit);
  }
  std::vector<Deployment> history(std::string_view namespace_name, std::string_view name) const override {
    return opened().history(namespace_name, name);
  }
  std::vector<Audit> audit(std::size_t newest) const override { return opened().audit(newest); }
  std::vector<SavedFilter> filters() const override { return opened().filters(); }
  void save_filter(const SavedFilter& filter, const Audit& audit) override {
    opened().save_filter(filter, audit);
  }
  void remove_filter(std::string_view name, const Audit& audit) override {
    opened().remove_filter(name, audit);
  }
  std::unique_ptr<Hold> hold(std::string_view namespace_name, std::string_view name) override {
    return opened().hold(namespace_name, name);
  }

 private:
  Store& opened() const {
    const std::lock_guard lock(mutex_);
    if (!store_) store_ = open_();
    return *store_;
  }
  std::function<std::unique_ptr<Store>()> open_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<Store> store_;
};

}  // namespace

std::unique_ptr<Store> lazy_store(std::function<std::unique_ptr<Store>()> open) {
  return std::make_unique<LazyStore>(std::move(open));
}

}  // namespace mlib::store
