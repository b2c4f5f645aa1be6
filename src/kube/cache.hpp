#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "kube/paths.hpp"

namespace mlib::kube {

/// Which objects of a kind: label and field selectors, "" for all.
struct Selection {
  std::string labels = {};
  std::string fields = {};
};

/// Whether a Cache can tell what a selection chooses: equalities of labels, and the field
/// involvedObject.name.
bool can_find(const Selection& selection);

/// Leaves out who set which field, and what kubectl applied last.
void slim_metadata(Node& object);
/// Leaves out what a status is not told from: that, and of containers their environment, arguments and
/// mounts.
void slim(Node& object);

/// The objects of one kind as the cluster told them last, slim, as text. Never goes back: what is older than
/// what it has is left out.
class Cache {
 public:
  /// Beyond `most` bytes the oldest go, those of `wanted` namespaces last.
  explicit Cache(Id kind, std::size_t most = 64U << 20U) : kind_(std::move(kind)), most_(most) {}

  /// Begins a list; what it brings replaces everything when it is complete.
  void begin();
  void add(Node object);
  void complete();

  void put(Node object);
  void gone(const Node& object);

  /// The objects of the kind's namespace ("" all) that `selection` chooses, by name: equalities of labels,
  /// and the field involvedObject.name. Each with its apiVersion and kind.
  std::vector<Node> find(const std::string& namespace_name, const Selection& selection) const;

  /// Whether what this process wrote is in it: an object of that version, or (with "") no object of that uid
  /// that is not being deleted.
  bool has(const Id& id, const std::string& uid, const std::string& version) const;

  /// Keeps what is of that namespace longest; false when something of it is lost already.
  bool want(const std::string& namespace_name);

  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t number = 0;
    std::string version, uid;
    std::string terms;  ///< ",a=b,c=d,"
    bool going = false;
    std::string json;
  };
  using Entries = std::map<std::string, Entry>;
  Entry entry_of(Node object) const;
  void forget_some();
  static std::size_t bytes_of(const std::string& key, const Entry& entry);

  Id kind_;
  std::size_t most_;
  std::size_t bytes_ = 0;
  Entries entries_;  ///< by "namespace/name"
  Entries listed_;
  std::size_t listed_bytes_ = 0;
  bool listing_ = false;
  std::set<std::string> wanted_;
  std::set<std::string> lost_;
};

}  // namespace mlib::kube
