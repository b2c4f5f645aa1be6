#pragma once
#include "verbs/narrow.hpp"

namespace mlib::verbs {

struct SaveFilterArguments {
  std::string name, expression;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Name of the filter", .required = true});
    d.field("expression", expression, {.help = "The condition", .required = true});
  }
};

struct ListFiltersArguments {
  template <class D>
  void describe(D&) {}
};

struct FilterNameArguments {
  std::string name;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Name of the filter", .required = true});
  }
};

struct FilterOptionsArguments {
  std::string kind;

  template <class D>
  void describe(D& d) {
    d.field("kind", kind, {.help = "templates, models, hardware or frameworks (templates)"});
  }
};

struct CompareArguments {
  std::string kind;
  std::vector<std::string> names;
  bool all = false;

  template <class D>
  void describe(D& d) {
    d.field("kind", kind, {.help = "templates, models, hardware or frameworks", .required = true});
    d.field("names", names, {.help = "Two or more names", .required = true});
    d.field("all", all, {.help = "Also what is the same, and the parameters and versions of frameworks"});
  }
};

struct TreeArguments {
  std::string name;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Template", .required = true});
  }
};

/// Saves an expression under a DNS label; Problem{usage} when no kind of card has its fields.
Response save_filter(const World&, const Caller&, const SaveFilterArguments&);
Response list_filters(const World&, const Caller&, const ListFiltersArguments&);
Response delete_filter(const World&, const Caller&, const FilterNameArguments&);
/// Of each field its type, up to 50 values or the range, unit and what it means.
Response filter_options(const World&, const Caller&, const FilterOptionsArguments&);
/// The fields in which cards of a kind differ, side by side.
Response compare(const World&, const Caller&, const CompareArguments&);
/// The cards that a template is made of, and each value with the card that gives it.
Response tree_template(const World&, const Caller&, const TreeArguments&);

/// The kind of a word (`template`, `templates`, …); Problem{usage} with the known ones.
cards::CardKind card_kind(const std::string& word);
/// `template`, `model`, `hardware` or `framework`.
std::string_view word_of(cards::CardKind kind);

}  // namespace mlib::verbs
