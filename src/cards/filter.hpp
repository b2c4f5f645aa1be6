#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cards/expression.hpp"
#include "cards/library.hpp"

/// Finding cards: columns of their fields, made when first asked for, and selections by expressions.
namespace mlib::cards {

enum class CardKind : std::uint8_t { framework, model, hardware, a_template };

/// One field of all cards of a kind: the distinct values, and which of them each card has.
struct Column {
  std::vector<schema::Node> values;  ///< the first is null
  std::vector<std::uint32_t> codes;  ///< one for each card; empty when all are null
  std::uint32_t code(std::size_t row) const { return codes.empty() ? 0 : codes[row]; }
  const schema::Node& at(std::size_t row) const { return values[code(row)]; }
};

/// A field that filters may name.
struct FieldFact {
  std::string name;  ///< as people write it, e.g. model.context_length
  std::string path;
  std::string help, unit;
};

/// Cards by number (of Library's vectors), by what they say.
///
/// A field is a dotted path; `spec.`, `metadata.` and `metadata.labels.` may be left out. Templates have also
/// `model.`, `hardware.` and `framework.` (of the cards that they refer to), `values.` (those in force:
/// template over model over hardware over the fact that a parameter is taken from over its default) and
/// `benchmarks.` (the results; figures only of those that count, see benchmark.hpp); models have
/// `framework.`. Each card has a `revision` (revision.hpp). Thread-safe.
class Finder {
 public:
  /// `library` outlives it.
  explicit Finder(const Library& library) : library_(library) {}

  std::size_t size(CardKind kind) const;
  /// The full path of a field; nothing when there is none.
  std::optional<std::string> resolve(CardKind kind, const std::string& written) const;
  std::shared_ptr<const Column> column(CardKind kind, const std::string& path) const;
  /// What the values at a full path are: as the card's schema says, the framework's parameters, or, where
  /// those leave it open, all of the values.
  FieldType type(CardKind kind, const std::string& path) const;
  /// Every field that some card has, short; made once.
  const std::vector<FieldFact>& fields(CardKind kind) const;

  /// What an expression over the cards may name, with bare words.
  Fields grammar(CardKind kind) const;
  /// The cards of which every expression holds, in order.
  std::vector<std::uint32_t> select(CardKind kind, const std::vector<Expression>& all) const;
  /// Stable, by a column's values (natural order, quantities as such); of several numbers the least counts,
  /// descending the greatest. What has none comes last.
  void sort(std::vector<std::uint32_t>& rows, const Column& by, bool descending) const;

 private:
  std::optional<std::string> own(CardKind kind, const std::string& written) const;
  bool is_somewhere(CardKind kind, const std::string& path) const;
  bool is_parameter(const std::string& name) const;
  /// Of templates: every parameter of a framework, and whatever else some template sets.
  std::vector<FieldFact> values_in_force() const;
  const std::vector<std::uint32_t>& references(CardKind from, CardKind to) const;
  Column build(CardKind kind, const std::string& path) const;
  Column referred(CardKind from, CardKind to, const std::string& path) const;
  Column effective(const std::string& name) const;
  /// Of a parameter as all frameworks that have it say.
  FieldType type_of_value(const std::string& name) const;
  /// Of a template where no card sets the parameter: the fact that it is taken from, or its default.
  Node unset(std::size_t row, const std::vector<const Parameter*>& of_frameworks) const;

  const Library& library_;
  mutable std::recursive_mutex mutex_;
  mutable std::map<std::pair<CardKind, std::string>, std::shared_ptr<const Column>> columns_;
  mutable std::map<std::pair<CardKind, CardKind>, std::vector<std::uint32_t>> references_;
  mutable std::map<CardKind, std::vector<FieldFact>> fields_;
};

}  // namespace mlib::cards
