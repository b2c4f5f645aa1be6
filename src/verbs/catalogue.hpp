#pragma once
#include "verbs/narrow.hpp"

namespace mlib::verbs {

/// Which cards of a kind.
struct GetArguments : Narrowing {
  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Only the one of this name"});
    d.field("filter", filter, {.help = filter_help});
    d.field("sort", sort, {.help = "By FIELD,-FIELD2: - for the greatest first; what has none is last"});
    d.field("columns", columns, {.help = "Only FIELD,FIELD2"});
    d.field("limit", limit, {.help = "At most so many (all)", .min = 0});
  }
};

struct DescribeArguments {
  std::string kind, name, namespace_name;

  template <class D>
  void describe(D& d) {
    d.field("kind", kind, {.help = "framework, model, hardware, template or deployment", .required = true});
    d.field("name", name, {.help = "Its name", .required = true});
    d.field("namespace", namespace_name, {.help = "Namespace of a deployment (model-library)"});
  }
};

struct BenchmarksArguments {
  std::string template_name;

  template <class D>
  void describe(D& d) {
    d.field("template", template_name, {.help = "Only of this template", .format = "template"});
  }
};

struct SearchArguments {
  std::string text;

  template <class D>
  void describe(D& d) {
    d.field("text", text, {.help = "Words; all of them must be found", .required = true, .min = 1});
  }
};

struct SchemaArguments {
  std::string kind, name;

  template <class D>
  void describe(D& d) {
    d.field("kind", kind,
            {.help = "framework, model, hardware, template, deployment, framework-parameters, "
                     "benchmark-result, or benchmark-record",
             .required = true});
    d.field("name", name, {.help = "The framework whose parameters are meant", .format = "framework"});
  }
};

Response get_frameworks(const World&, const Caller&, const GetArguments&);
Response get_models(const World&, const Caller&, const GetArguments&);
Response get_hardware(const World&, const Caller&, const GetArguments&);
Response get_templates(const World&, const Caller&, const GetArguments&);
/// The benchmarks of all templates or of one, without their runs, which are long.
Response get_benchmarks(const World&, const Caller&, const BenchmarksArguments&);
/// One card (or deployment) for reading; the value is the card itself.
Response describe(const World&, const Caller&, const DescribeArguments&);
/// Cards in which every word is found in name, title, labels or description; the best first.
Response search(const World&, const Caller&, const SearchArguments&);
/// JSON Schema 2020-12 of a kind of card, for editors.
Response card_schema(const World&, const Caller&, const SchemaArguments&);

}  // namespace mlib::verbs
